// Package httpapi is the HTTP API under /api/v1/: JSON:API documents, series,
// their description, and pages of them for people with a browser.
//
// It translates between requests and the domain, and decides nothing about
// access: the store shows a caller only what they may see. Addresses are answered
// with and without a final slash.
package httpapi

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/ratelimit"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/export"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/form"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/live"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
	"github.com/clairberlin/clair-stack/services/managair/internal/reportmail"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
	"github.com/clairberlin/clair-stack/services/managair/internal/token"
	"github.com/clairberlin/clair-stack/services/managair/internal/turn"
)

// Base is the path of the API.
const Base = "/api/v1"

// Config is what the environment says about the API.
type Config struct {
	PublicURL   string   `env:"PUBLIC_URL" desc:"scheme and host of links in answers; default: those of the request"`
	CORSOrigins []string `env:"CORS_ORIGINS" envDefault:"*" desc:"origins whose pages may read what is public, comma-separated; * for all, none for no other than its own"`
	RateLimit   float64  `env:"RATE_LIMIT" envDefault:"50" desc:"requests per second of one client; 0 for no limit"`
	RateBurst   int      `env:"RATE_BURST" envDefault:"300" desc:"requests that a client may make at once"`
	LongReads   int      `env:"LONG_READS" envDefault:"3" desc:"long series and verdicts that are read at once for charts and pages, and as many for downloads, one of them for callers with an account; others wait. Both together should leave some of DB_MAX_CONNS"`
}

// API answers the requests.
type API struct {
	config    Config
	log       *slog.Logger
	inventory inventory.Store
	telemetry telemetry.Store
	readings  telemetry.Readings
	now       func() time.Time
	metrics   *metrics
	limiter   *ratelimit.Limiter
	// Charts are read to the end before they are written, downloads are as slow as
	// whoever takes them: charts shall not wait for those, nor accounts for slow strangers.
	charts, downloads *turn.Gate
	images            Images
	uploads           *uploads
	loaders           map[string]loader
	operators         map[string]operator
	routes            []Route
}

// Domain is what the API answers from.
type Domain struct {
	Inventory  inventory.Store
	Telemetry  telemetry.Store
	Readings   telemetry.Readings
	AirQuality roomair.Service
	Nodes      inventory.Repository[fidelity.Node, inventory.NodeID]
	Outages    inventory.Repository[fidelity.Outage, int64]
	Radio      inventory.Repository[fidelity.Radio, inventory.NodeID]
	Health     inventory.Repository[sensorhealth.Node, inventory.NodeID]
	Accounts   *identity.Accounts
	Sessions   *session.Authenticator
	Tokens     token.Store
	Timetables timetable.Store
	AirFiles   roomair.FileStore
	SiteForms  form.Store
	Alerts     alert.Desk
	Reports    report.Store
	// ReportMails are who gets reports by mail.
	ReportMails reportmail.Store
	// Notifications says what is done with channels; its clock is the API's.
	Notifications notify.Service
	// Exports says where files are that are made in the background; it finds what they are of as the API does.
	Exports export.Service
	Images  Images
	Live    *live.Hub
}

// gateTime is how long one waits for one's turn. There is no point in reading for
// somebody who has gone.
const gateTime = 30 * time.Second

// New returns the API of a domain. Metrics are registered with r, if it is not nil.
// now is the clock.
func New(cfg Config, log *slog.Logger, r prometheus.Registerer, d Domain, now func() time.Time) *API {
	a := &API{
		config: cfg, log: log, inventory: d.Inventory, telemetry: d.Telemetry, readings: d.Readings, now: now, images: d.Images, uploads: newUploads(),
		metrics: newMetrics(r), limiter: ratelimit.New(cfg.RateLimit, cfg.RateBurst), loaders: map[string]loader{}, operators: map[string]operator{},
		charts: turn.New(cfg.LongReads, gateTime, 0), downloads: turn.New(cfg.LongReads, gateTime, 0).KeepForKnown(1),
	}
	a.add(Route{Method: http.MethodGet, Pattern: Base, Audience: access.Everyone, Handler: a.root})
	a.addInventory()
	a.addImages()
	a.addAirQuality(d.AirQuality)
	a.addVerdicts(d.AirQuality)
	a.addAirFiles(roomair.Files{Air: d.AirQuality, Store: d.AirFiles, Software: lifecycle.Version})
	a.addVentilation(d.AirQuality)
	a.addSigns()
	a.addReports(report.Maker{Air: d.AirQuality, Inventory: d.Inventory, Store: d.Reports})
	a.addReportMails(d.ReportMails)
	a.addSiteForms(form.Maker{Air: d.AirQuality, Inventory: d.Inventory, Store: d.SiteForms})
	a.addClimate(d.AirQuality)
	a.addFidelity(d.Nodes, d.Outages, d.Radio)
	a.addHealth(d.Health)
	a.addLive(d.Live)
	a.addAuth(d.Accounts, d.Sessions)
	a.addTokens(d.Tokens)
	a.addTimetables(d.Timetables)
	a.addAlerts(d.Alerts)
	a.addNotifications(d.Notifications)
	a.addExports(d.Exports)
	a.add(Route{Method: http.MethodPost, Pattern: Base + "/operations", Audience: access.Accounts, Handler: a.operate})
	a.addSchema()
	return a
}

func (a *API) add(routes ...Route) { a.routes = append(a.routes, routes...) }

// Handler returns the handler of all routes. It expects the caller in the
// request's context.
func (a *API) Handler() (http.Handler, error) { return a.edge(newRouter(a, a.routes)) }

// BaseURL returns scheme and host of links in the answer to r.
func (a *API) BaseURL(r *http.Request) string {
	if a.config.PublicURL != "" {
		return strings.TrimSuffix(a.config.PublicURL, "/")
	}
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
