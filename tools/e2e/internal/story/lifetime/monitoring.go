package lifetime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/standin"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// grafana asks Grafana, through the proxy and as its administrator, and Prometheus
// through it, as its pages do.
func (s *lifetime) grafana(ctx context.Context, path string, into any) error {
	b, err := visitor.NewBrowser(stack.Local)
	if err != nil {
		return err
	}
	password, err := os.ReadFile(filepath.Join(s.stack.Secrets, "grafana_admin_password"))
	if err != nil {
		return err
	}
	request := &http.Request{Header: http.Header{}}
	request.SetBasicAuth(standin.GrafanaUser, strings.TrimSpace(string(password)))
	body, _, err := b.Ask(ctx, http.MethodGet, "/grafana"+path, request.Header, nil, http.StatusOK)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w: %.300s", path, err, body)
	}
	return nil
}

func (s *lifetime) prometheus(ctx context.Context, path string, into any) error {
	return s.grafana(ctx, "/api/datasources/proxy/uid/clair-prometheus/api/v1/"+path, into)
}

// testRules lets Prometheus' own tool run the tests of the rules.
func (s *lifetime) testRules(ctx context.Context) error {
	_, err := s.stack.Shell.Run(ctx, filepath.Join(s.setting.Images.Monitoring, "promtool"), "test", "rules", "compose/monitoring/alerts_test.yml")
	return err
}

// jobs has the service of each job of Prometheus.
var jobs = map[string]string{
	"managair": "managair_server", "managair-worker": "managair_worker", "ingestair": "ingestair",
	"clairchen-forwarder": "clairchen_forwarder", "ers-forwarder": "ers_forwarder", "traefik": "reverse_proxy",
	"postgresql": "postgres_exporter", "redis": "redis_exporter", "prometheus": "prometheus",
}

// watchStack looks at what is seen of the stack while it is under load: every task,
// every rule, and something in each panel.
func (s *lifetime) watchStack(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, errors.New("not all is seen after three minutes"))
	defer cancel()
	var targets int
	err := play.Until(ctx, func() (err error) {
		targets, err = s.seeTargets(ctx)
		return err
	})
	if err != nil {
		return err
	}
	rules, err := s.seeRules(ctx)
	if err != nil {
		return err
	}
	panels, err := s.seePanels(ctx)
	if err != nil {
		return err
	}
	if err := s.seeWebhook(ctx); err != nil {
		return err
	}
	s.stack.Report("monitoring under load", "%d targets up, %d rules, %d queries of panels with values", targets, rules, panels)
	return nil
}

// seeTargets reports whether Prometheus reaches as many tasks of each service as run.
func (s *lifetime) seeTargets(ctx context.Context) (int, error) {
	var answer struct {
		Data struct {
			ActiveTargets []struct {
				Labels    map[string]string
				Health    string
				LastError string
				ScrapeURL string `json:"scrapeUrl"`
			}
		}
	}
	if err := s.prometheus(ctx, "targets?state=active", &answer); err != nil {
		return 0, err
	}
	up := map[string]int{}
	for _, t := range answer.Data.ActiveTargets {
		if t.Health != "up" {
			return 0, fmt.Errorf("%s of %s is %s: %s", t.ScrapeURL, t.Labels["job"], t.Health, t.LastError)
		}
		up[t.Labels["job"]]++
	}
	sum := 0
	for job, service := range jobs {
		tasks, err := s.stack.TasksOf(ctx, service)
		if err != nil {
			return 0, err
		}
		if want := len(tasks); up[job] != want || want == 0 {
			return 0, fmt.Errorf("%d targets of %s, and %d tasks of %s", up[job], job, want, service)
		}
		sum += up[job]
	}
	if sum != len(answer.Data.ActiveTargets) {
		return 0, fmt.Errorf("%d targets, want %d: %v", len(answer.Data.ActiveTargets), sum, up)
	}
	return sum, nil
}

// seeWebhook waits until Prometheus knows how the webhooks answered, and that they got other
// messages than uplinks.
func (s *lifetime) seeWebhook(ctx context.Context) error {
	for _, of := range []string{
		`forwarder_webhook_requests_total{code="204"}`, `forwarder_webhook_requests_total{code="401"}`,
		`forwarder_events_total{kind="join_accept"}`, `forwarder_events_total{kind="downlink_queued"}`,
	} {
		// The tasks that answered may have been replaced since.
		if err := play.Until(ctx, func() error { return s.seeSeries(ctx, "sum(max_over_time("+of+"[1h])) > 0") }); err != nil {
			return err
		}
	}
	return nil
}

// alertFile is Prometheus' file of rules, as far as it matters here.
type alertFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

// seeRules reports whether Prometheus has all our rules, and can evaluate them.
func (s *lifetime) seeRules(ctx context.Context) (int, error) {
	var file alertFile
	if err := standin.ReadYAML("compose/monitoring/alerts.yml", &file); err != nil {
		return 0, err
	}
	missing := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			missing[r.Alert] = true
		}
	}
	n := len(missing)
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := s.prometheus(ctx, "rules", &answer); err != nil {
		return 0, err
	}
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				return 0, fmt.Errorf("rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
			delete(missing, r.Name)
		}
	}
	if len(missing) > 0 || n == 0 {
		return 0, fmt.Errorf("rules that Prometheus does not have: %v", slices.Collect(maps.Keys(missing)))
	}
	return n, nil
}

// unasked are panels of what nobody asks in this story: its broker is none of The Things
// Stack's, so there is no server that would tell what a key may do.
var unasked = []string{"Rights of keys"}

// seePanels waits until each query of each dashboard has an answer.
func (s *lifetime) seePanels(ctx context.Context) (int, error) {
	var found []struct{ UID, Title string }
	if err := s.grafana(ctx, "/api/search?type=dash-db", &found); err != nil {
		return 0, err
	}
	n := 0
	for _, f := range found {
		var answer struct{ Dashboard standin.Dashboard }
		if err := s.grafana(ctx, "/api/dashboards/uid/"+f.UID, &answer); err != nil {
			return n, err
		}
		for _, p := range answer.Dashboard.Panels {
			for _, t := range p.Targets {
				// Grafana makes it four times the distance of two values.
				expr := strings.ReplaceAll(t.Expr, "$__rate_interval", "1m")
				if slices.Contains(unasked, p.Title) {
					if _, err := s.series(ctx, expr); err != nil {
						return n, fmt.Errorf("%s, %s: %w", f.Title, p.Title, err)
					}
					continue
				}
				err := play.Until(ctx, func() error { return s.seeSeries(ctx, expr) })
				if err != nil {
					return n, fmt.Errorf("%s, %s: %w", f.Title, p.Title, err)
				}
				n++
			}
		}
	}
	if n == 0 {
		return 0, errors.New("there are no dashboards")
	}
	return n, nil
}

func (s *lifetime) seeSeries(ctx context.Context, expr string) error {
	n, err := s.series(ctx, expr)
	if err == nil && n == 0 {
		err = fmt.Errorf("nothing is known of %s", expr)
	}
	return err
}

// series returns how many series a query has.
func (s *lifetime) series(ctx context.Context, expr string) (int, error) {
	var answer struct {
		Data struct{ Result []json.RawMessage }
	}
	err := s.prometheus(ctx, "query?query="+url.QueryEscape(expr), &answer)
	return len(answer.Data.Result), err
}
