package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	stream "github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/export"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// The world of the tests: organization 1 "Haus" with a public site, room and
// installation (1 each) and private ones (2 each); organization 2 "Fremd" with
// private things only (3 each).
const worldRows = `
INSERT INTO user_account (id, username, email, first_name, last_name, is_superuser) VALUES
	(1, 'olga',   'olga@example.org',   'Olga',   'Owner',     false),
	(2, 'ines',   'ines@example.org',   'Ines',   'Inspector', false),
	(3, 'stefan', 'stefan@example.org', 'Stefan', 'Stranger',  false),
	(4, 'root',   'root@example.org',   '',       '',          true),
	(5, 'frieda', 'frieda@example.org', 'Frieda', 'Fremd',     false);
INSERT INTO email_address (user_id, email, verified, is_primary) SELECT id, email, id <> 5, true FROM user_account;
INSERT INTO organization (id, name, description) VALUES (1, 'Haus', ''), (2, 'Fremd', NULL);
INSERT INTO membership (id, user_id, organization_id, role) VALUES (1, 1, 1, 'O'), (2, 2, 1, 'I'), (3, 5, 2, 'O');
INSERT INTO address (id, street1, zip, city, latitude, longitude, created_by) VALUES
	(1, 'Hauptstr. 1', '10827', 'Berlin', 52.52, 13.4, 1),
	(2, 'Nebenstr. 2', '10827', 'Berlin', NULL, NULL, NULL),
	(3, 'Fernstr. 3',  '80331', 'München', NULL, NULL, 5),
	(4, 'Neustr. 4',   '10827', 'Berlin', NULL, NULL, 1);
INSERT INTO site (id, name, description, address_id, operator_id) VALUES
	(1, 'Schule', '', 1, 1), (2, 'Lager', '', 2, 1), (3, 'Museum', '', 3, 2);
INSERT INTO room (id, site_id, name, description, size_sqm, height_m, max_occupancy) VALUES
	(1, 1, 'Klasse 1', '', 33, 2.5, 17), (2, 2, 'Keller', NULL, NULL, NULL, NULL), (3, 3, 'Saal', '', 100, 4, 50);
INSERT INTO quantity (id, name, base_unit) VALUES (1, 'CO2', 'ppm'), (2, 'Temperatur', 'C');
INSERT INTO node_protocol (id, identifier) VALUES (1, 'ERS'), (2, 'Clairchen');
INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type) VALUES (1, 'ERS', 'ERS CO2', 'Elsys', 'NDIR');
INSERT INTO node_model_quantity VALUES (1, 1), (1, 2);
INSERT INTO node (id, eui64, alias, description, protocol_id, model_id, owner_id) VALUES
	('00000000-0000-4000-8000-000000000001', '9876B60000000001', 'Eins', '', 1, 1, 1),
	('00000000-0000-4000-8000-000000000002', '9876B60000000002', 'Zwei', '', 1, 1, 1),
	('00000000-0000-4000-8000-000000000003', '9876B60000000003', 'Drei', '', 1, 1, 2);
INSERT INTO installation (id, node_id, room_id, from_time, to_time, description, is_public) VALUES
	(1, '00000000-0000-4000-8000-000000000001', 1, '2026-01-01T00:00:00Z', NULL, '', true),
	(2, '00000000-0000-4000-8000-000000000002', 2, '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z', '', false),
	(3, '00000000-0000-4000-8000-000000000003', 3, '2026-01-01T00:00:00Z', NULL, '', false);
SELECT setval(pg_get_serial_sequence(name, 'id'), 100) FROM unnest(ARRAY['user_account', 'organization', 'membership',
	'address', 'site', 'room', 'quantity', 'node_protocol', 'node_model', 'installation']) name;
SELECT ensure_sample_partition('2026-01-15T00:00:00Z');
INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
SELECT no, t, 400 + 10 * row_number() OVER (PARTITION BY no ORDER BY t), 215, 50, 'M'
  FROM node, generate_series('2026-01-10T10:00:00Z'::timestamptz, '2026-01-10T10:27:00Z', '3 minutes') t;
SELECT note_late_hours(array_agg(node_no), array_agg(time)) FROM sample;
INSERT INTO node_outage (id, node_no, from_time, noticed_at, to_time) OVERRIDING SYSTEM VALUE
SELECT right(id::text, 1)::bigint, no, '2026-01-02T00:00:00Z', '2026-01-02T02:00:10Z', '2026-01-02T03:00:00Z' FROM node;
SELECT setval(pg_get_serial_sequence('node_outage', 'id'), 100);
INSERT INTO calibration (id, node_id, performed_at, method, offset_ppm, description) OVERRIDING SYSTEM VALUE
SELECT right(id::text, 1)::bigint, id, '2026-01-05T09:30:00Z', 'outdoor', 40, '' FROM node;
SELECT setval(pg_get_serial_sequence('calibration', 'id'), 100);
INSERT INTO alert_rule (id, name, organization_id, user_id, personal, room_id, enabled, condition, quantity, threshold, for_s, occupied_only, tell_recovery, time_zone)
OVERRIDING SYSTEM VALUE VALUES
	(1, 'Bitte lüften', 1, 1, false, NULL, true, 'above', 'co2_ppm', 1000, 600, false, true, 'Europe/Berlin'),
	(2, 'Für mich',     1, 1, true,  1,    true, 'profile', NULL, NULL, NULL, true, true, 'Europe/Berlin'),
	(3, 'Fremd',        2, 5, false, NULL, true, 'silent', NULL, NULL, NULL, false, true, 'Europe/Berlin');
SELECT setval(pg_get_serial_sequence('alert_rule', 'id'), 100);
INSERT INTO alert_episode (id, rule_id, node_id, room_id, opened_at, noticed_at, closed_at, close_reason, threshold, value, worst, told, due_at)
OVERRIDING SYSTEM VALUE VALUES
	(1, 1, '00000000-0000-4000-8000-000000000001', 1, '2026-01-20T09:00:00Z', '2026-01-20T09:00:02Z', NULL, NULL, 1000, 1080, 1410, 1, NULL),
	(2, 2, '00000000-0000-4000-8000-000000000001', 1, '2026-01-20T08:00:00Z', '2026-01-20T08:00:02Z', '2026-01-20T08:30:00Z', 'recovered', 1000, 1010, 1200, 1, NULL),
	(3, 3, '00000000-0000-4000-8000-000000000003', 3, '2026-01-20T09:00:00Z', '2026-01-20T09:00:02Z', NULL, NULL, NULL, NULL, NULL, 0, NULL);
SELECT setval(pg_get_serial_sequence('alert_episode', 'id'), 100);
INSERT INTO alert_event (episode_id, at, kind, user_id, detail) VALUES
	(1, '2026-01-20T09:00:02Z', 'opened', NULL, '{}'),
	(1, '2026-01-20T09:00:02Z', 'told', NULL, '{"channels": [7]}'),
	(1, '2026-01-20T09:10:00Z', 'snoozed', 2, '{"until": "2026-01-20T11:00:00Z"}');
INSERT INTO node_health (node_no, judged_at, silence, weeks, others, suspected, impossible_nights, offset_ppm, offset_plus_minus_ppm, offset_beyond,
	step_day, step_ppm, step_plus_minus_ppm, battery_silence, battery_days, battery_empty_day, battery_earliest_day)
SELECT no, '2026-01-20T00:00:02Z', '', 12, 9, true, 0, 83.44, 14.96, 0.99995, '2025-11-03', -42, 9.5, '', 200, '2028-04-01', '2027-12-24'
  FROM node WHERE alias = 'Eins';
INSERT INTO invitation (id, organization_id, email, role, inviter_id, digest, created_at, expires_at)
SELECT o, o, 'neu@example.com', 'O', i, sha256(convert_to('invited-' || o, 'UTF8')), '2026-01-19T12:00:00Z', '2026-02-02T12:00:00Z'
  FROM (VALUES (1, 1), (2, 5)) one (o, i);
SELECT setval(pg_get_serial_sequence('invitation', 'id'), 100);
INSERT INTO ingestion_token (id, organization_id, node_id, name, digest, maker_id, made_at) OVERRIDING SYSTEM VALUE
SELECT n, o, CASE o WHEN 2 THEN '00000000-0000-4000-8000-000000000003'::uuid END, 'Skript', sha256(convert_to('token-' || o, 'UTF8')), i, '2026-01-19T12:00:00Z'
  FROM (VALUES (1, 1, 1), (3, 2, 5)) one (n, o, i);
SELECT setval(pg_get_serial_sequence('ingestion_token', 'id'), 100);
INSERT INTO notification_channel (id, user_id, organization_id, kind, name, language, target, secret, made_at, confirmed_at) OVERRIDING SYSTEM VALUE VALUES
	(1, NULL, 1, 'webhook', 'Haustechnik', 'de', 'https://example.org/…', '{"address": "https://example.org/secret", "key": "whsec_c2VjcmV0"}', '2026-01-19T12:00:00Z', '2026-01-19T12:30:00Z'),
	(2, 1, NULL, 'webhook', 'Olgas', 'en', 'https://example.org/…', '{"address": "https://example.org/secret", "key": "whsec_c2VjcmV0"}', '2026-01-19T12:00:00Z', '2026-01-19T12:30:00Z'),
	(3, NULL, 2, 'webhook', 'Fremder', 'de', 'https://example.org/…', '{"address": "https://example.org/secret", "key": "whsec_c2VjcmV0"}', '2026-01-19T12:00:00Z', '2026-01-19T12:30:00Z');
UPDATE notification_channel SET failed_at = '2026-01-19T12:40:00Z', failed_why = 'it answered 502', works_since = '2026-01-19T12:45:00Z' WHERE id = 1;
UPDATE alert_rule SET channel_ids = '{1}' WHERE id = 1;
SELECT setval(pg_get_serial_sequence('notification_channel', 'id'), 100);
INSERT INTO notification (id, channel_id, key, kind, organization_id, group_key, data, written_at, state, due_at, parcel_id, attempts, ended_at) OVERRIDING SYSTEM VALUE
SELECT id, id, 'k', 'alert.opened', organization_id, '', '{"room": "Klasse 1"}', '2026-01-19T13:00:00Z', 'delivered', '2026-01-19T13:00:00Z', id, 1, '2026-01-19T13:00:01Z'
  FROM notification_channel;
SELECT setval(pg_get_serial_sequence('notification', 'id'), 100);
INSERT INTO notification_attempt (notification_id, began_at, took_ms, outcome, status, answer, sent)
SELECT id, ended_at, 120, 'delivered', 204, '', '{}' FROM notification;
INSERT INTO data_export (id, user_id, name, wanted, member_of, state, made_at, due_at, begun_at, ended_at, expires_at, attempt, samples, samples_done, size) OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'Haus', '{"organization": 1, "format": "csv", "language": "de"}', '{1}', 'done', '2026-01-20T10:00:00Z', '2026-01-20T10:00:00Z', '2026-01-20T10:00:01Z', '2026-01-20T10:00:02Z', '2026-01-27T10:00:02Z', 1, 10, 10, 0),
	(2, 1, 'Lager, Keller', '{"rooms": [2], "format": "xlsx", "people": true, "language": "de", "sheet_per_room": true, "mail": true}', '{}', 'waiting', '2026-01-20T11:00:00Z', '2026-01-20T11:00:00Z', NULL, NULL, NULL, 0, 10, 0, 0),
	(3, 5, 'Fremd', '{"organization": 2, "format": "parquet", "language": "en"}', '{2}', 'done', '2026-01-20T10:00:00Z', '2026-01-20T10:00:00Z', '2026-01-20T10:00:01Z', '2026-01-20T10:00:02Z', '2026-01-27T10:00:02Z', 1, 10, 10, 0);
SELECT setval(pg_get_serial_sequence('data_export', 'id'), 100);
INSERT INTO api_token (user_id, name, digest, scope)
SELECT id, scope, sha256(convert_to(scope || '-' || id, 'UTF8')), scope FROM user_account, unnest(ARRAY['read', 'write']) scope;
INSERT INTO account_session (user_id, digest, csrf, expires_at)
SELECT id, sha256(convert_to('session-' || id, 'UTF8')), 'csrf-' || id, '2027-01-01T00:00:00Z' FROM user_account;
`

// worldSQL makes the world: a file for each room is with it.
var worldSQL = worldRows + airFileRows() + siteFormRows()

// Ids of the world's users.
const (
	anonymous = 0
	owner     = 1
	inspector = 2
	stranger  = 3
	superuser = 4
	foreigner = 5
)

const (
	node1 = "00000000-0000-4000-8000-000000000001"
	node2 = "00000000-0000-4000-8000-000000000002"
	node3 = "00000000-0000-4000-8000-000000000003"
)

// worldNow is the clock of the tests.
var worldNow = time.Date(2026, 1, 20, 12, 0, 0, 0, time.UTC)

type world struct {
	pool    *pgxpool.Pool // the owner's
	as      *pgxpool.Pool // managair's
	api     *httpapi.API
	handler http.Handler
	// guarded is the handler behind the look at who asks, by token or session.
	guarded http.Handler
	shelf   export.Shelf
}

// noMail takes what is to be mailed, and forgets it.
type noMail struct{}

func (noMail) Send(context.Context, identity.Mail) error { return nil }

// convertPicture is the argument that makes the test's binary decode a picture.
const convertPicture = "convert-picture"

func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], []string{convertPicture}) {
		os.Exit(media.ConvertPipe(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldAt(t, worldNow)
}

// newWorldAt returns a world whose clock stands at a time.
func newWorldAt(t testing.TB, at time.Time) *world {
	t.Helper()
	pool := pgtest.New(t)
	if _, err := pool.Exec(t.Context(), worldSQL); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(testLog{t}, nil))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return at }
	as := pgtest.As(t, schema.Managair, pool)
	accounts := identity.NewAccounts(postgres.NewIdentity(as), identitytest.Hasher(), noMail{}, identitytest.Limits(t), now)
	sessions := session.NewAuthenticator(accounts, log, "", func(w http.ResponseWriter, r *http.Request, err error) {
		httpapi.WriteRefusal(w, r, log, err)
	})
	shelf, err := media.NewShelf(media.Config{Folder: t.TempDir()}, export.IsPart)
	if err != nil {
		t.Fatal(err)
	}
	nodes := postgres.Fidelity{Pool: as}
	api := httpapi.New(httpapi.Config{PublicURL: "http://h"}, log, nil, httpapi.Domain{
		Inventory: postgres.NewInventory(as), Telemetry: postgres.NewTelemetry(as), Readings: postgres.NewTelemetry(as),
		AirQuality: roomair.Service{Rooms: postgres.AirQuality{Pool: as}, Samples: postgres.NewTelemetry(as), Occupancy: timetable.Past{Store: postgres.Timetables{Pool: as}, Samples: postgres.NewTelemetry(as)}, Log: slog.New(slog.DiscardHandler)},
		Nodes:      nodes.NodeFidelity(), Outages: nodes.Outages(), Radio: nodes.Radio(),
		Health:   postgres.SensorHealth{Pool: as}.Nodes(),
		Accounts: accounts, Sessions: sessions, Tokens: postgres.Tokens{Pool: as, Limit: 3}, Timetables: postgres.Timetables{Pool: as}, AirFiles: postgres.AirFiles{Pool: as}, SiteForms: postgres.SiteForms{Pool: as},
		Alerts:        postgres.NewAlertDesk(as),
		Reports:       postgres.Reports{Pool: as},
		ReportMails:   postgres.ReportMails{Pool: as},
		Notifications: notify.Service{Store: postgres.Notifications{Pool: as, Limit: 3}},
		Exports:       export.Service{Store: postgres.Exports{Pool: as}, Shelf: shelf, Limit: 3},
		Images: httpapi.Images{
			Store: media.Folder{Path: t.TempDir()}, Pictures: postgres.Pictures{Pool: as},
			Convert: media.NewConverter(self, convertPicture).Convert,
		},
		// A hub that does not run takes listeners, and a recorder has no connection to
		// listen on: the stream ends at once.
		Live: newHub(as, stream.Stream{}),
	}, now)
	handler, err := api.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return &world{pool, as, api, handler, sessions.Middleware(handler), shelf}
}

// mutable is a world that tests change one after the other. Making it anew is
// much quicker than a new database.
type mutable struct {
	mu sync.Mutex
	w  *world
}

// use lends the world as it was in the beginning.
func (m *mutable) use(t testing.TB, do func(*world)) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	do(m.w)
	_, err := m.w.pool.Exec(t.Context(), `
		TRUNCATE user_account, organization, address, quantity, node_protocol, node_model, node, retired_node, sample, sample_hour, sample_day, sample_late RESTART IDENTITY CASCADE;
		`+worldSQL)
	if err != nil {
		t.Fatal(err)
	}
}

// exec changes the world by the back door.
func (w *world) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	pgtest.Exec(t, w.pool, sql, args...)
}

// testLog fails the test when a request is answered 500, because then something
// is logged as an error.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	// A fuzz test looks at each answer by itself.
	if _, fuzzed := l.t.(*testing.F); !fuzzed && strings.Contains(string(p), "level=ERROR") {
		l.t.Errorf("logged: %s", p)
	}
	return len(p), nil
}

type request struct {
	user int64
	// token and session come in by the door instead: read-1, write-1 and session-1
	// are those of user 1.
	token, session string
	method, path   string
	body           string
	header         map[string]string
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(t testing.TB, rq request) answer {
	t.Helper()
	if rq.method == "" {
		rq.method = http.MethodGet
	}
	var body io.Reader = http.NoBody
	if rq.body != "" {
		body = strings.NewReader(rq.body)
	}
	ctx, handler := context.WithoutCancel(t.Context()), w.handler
	if rq.token != "" || rq.session != "" {
		handler = w.guarded
	} else {
		ctx = access.WithCaller(ctx, access.Caller{UserID: rq.user})
	}
	r := httptest.NewRequestWithContext(ctx, rq.method, rq.path, body)
	r.Host = "h"
	if rq.token != "" {
		r.Header.Set("Authorization", "Token "+rq.token)
	}
	if rq.session != "" {
		r.AddCookie(&http.Cookie{Name: "sessionid", Value: rq.session})
	}
	if rq.body != "" {
		r.Header.Set("Content-Type", "application/vnd.api+json")
	}
	for name, value := range rq.header {
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	got := answer{rec.Code, rec.Header(), rec.Body.String()}
	validate(t, w.pattern(rq), rq, got)
	return got
}

// pattern returns the pattern of the route that answers rq, "" when there is none.
func (w *world) pattern(rq request) string {
	mux := http.NewServeMux()
	for _, route := range w.api.Routes() {
		if route.Method == rq.method {
			mux.Handle(route.Pattern, http.NotFoundHandler())
		}
	}
	path, _, _ := strings.Cut(rq.path, "?")
	_, pattern := mux.Handler(&http.Request{Method: rq.method, Host: "h", URL: &url.URL{Path: strings.TrimSuffix(path, "/")}})
	return pattern
}

// get asks for a document and fails unless it is answered 200.
func (w *world) get(t testing.TB, user int64, path string) answer {
	t.Helper()
	got := w.do(t, request{user: user, path: path})
	if got.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, got.status, got.body)
	}
	return got
}

// indent makes documents comparable line by line.
func indent(t testing.TB, document string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatalf("no JSON: %v\n%s", err, document)
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out) + "\n"
}
