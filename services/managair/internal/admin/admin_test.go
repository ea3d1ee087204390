package admin_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/redistest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/admin"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
)

// site is the admin site on the predecessor's fixtures.
type site struct {
	pool     *pgxpool.Pool
	server   *httptest.Server
	accounts *identity.Accounts
	store    backoffice.Store
}

func newSite(t *testing.T) *site {
	t.Helper()
	owner := pgtest.New(t)
	pool := pgtest.As(t, schema.Managair, owner)
	var sources []fixture.Source
	for _, name := range []string{"user-fixtures.json", "inventory-fixtures.json"} {
		f, err := os.Open(filepath.Join("..", "..", "testdata", "fixtures", name))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		sources = append(sources, fixture.Source{Name: name, Reader: f})
	}
	loader := moving.Loader{Pool: pool, Now: time.Now}
	if _, err := loader.Load(t.Context(), fixture.Objects(sources...)); err != nil {
		t.Fatal(err)
	}
	redis, err := asynq.ParseRedisURI(redistest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	inspector := asynq.NewInspector(redis)
	t.Cleanup(func() { _ = inspector.Close() })
	log := slog.New(slog.DiscardHandler)
	hasher := identitytest.Hasher()
	accounts := identity.NewAccounts(postgres.NewIdentity(pool), hasher, nil, identitytest.Limits(t), time.Now)
	doors := session.NewAuthenticator(accounts, log, "", nil)
	store := postgres.Backoffice{Pool: pool}
	pages := &admin.Admin{Store: store, Accounts: accounts, Tokens: postgres.Tokens{Pool: pool}, Log: log, Inspector: inspector}
	server := httptest.NewServer(doors.Middleware(pages.Handler()))
	t.Cleanup(server.Close)
	return &site{owner, server, accounts, store}
}

// as returns a browser in which the user is logged in.
func (s *site) as(t *testing.T, username string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t, s.server.URL, &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if username == "" {
		return b
	}
	u, err := postgres.NewIdentity(s.pool).UserByName(t.Context(), username)
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := s.accounts.StartSession(t.Context(), u.ID, identity.Client{})
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(s.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(address, []*http.Cookie{{Name: "sessionid", Value: secret, Path: "/"}})
	return b
}

type browser struct {
	t      *testing.T
	base   string
	client *http.Client
}

// get returns status and body; post also where it leads.
func (b *browser) get(path string) (int, string) {
	b.t.Helper()
	status, body, _ := b.do(http.MethodGet, path, nil)
	return status, body
}

func (b *browser) post(path, form string) (int, string, string) {
	b.t.Helper()
	return b.do(http.MethodPost, path, strings.NewReader(form))
}

func (b *browser) do(method, path string, body io.Reader) (int, string, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept-Language", "en")
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(content), resp.Header.Get("Location")
}

// Every page, for everybody who is not meant to see it, and for who is.
func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.as(t, "admin")
	if status, body, _ := root.post("/admin/user_account/3/",
		"username=veraVersuch&is_active=true&is_staff=true&i2.new.here=1&i2.new.subject=site"); status != http.StatusSeeOther {
		t.Fatalf("making staff: %d\n%s", status, body)
	}
	staff, member, nobody := s.as(t, "veraVersuch"), s.as(t, "tomTester"), s.as(t, "")
	paths := []string{"/admin/", "/admin/parked/", "/admin/fidelity/", "/admin/queues/", "/admin/services/"}
	for _, subject := range backoffice.Subjects {
		paths = append(paths, "/admin/"+subject.Name+"/")
		if !subject.Fixed || subject.Made {
			paths = append(paths, "/admin/"+subject.Name+"/add/")
		}
	}
	paths = append(paths, "/admin/site/1/", "/admin/organization/1/", "/admin/user_account/1/")
	// Every list can be sorted by each of its columns, and searched.
	for _, subject := range backoffice.Subjects {
		for _, column := range subject.Columns {
			for _, query := range []string{"?o=" + column, "?o=-" + column, "?q=a&o=" + column} {
				if status, body := root.get("/admin/" + subject.Name + "/" + query); status != http.StatusOK {
					t.Errorf("GET /admin/%s/%s: %d\n%s", subject.Name, query, status, body)
				}
			}
		}
	}
	forStaff := map[string]bool{"/admin/": true, "/admin/site/": true, "/admin/site/add/": true, "/admin/site/1/": true}
	for _, path := range paths {
		if status, body := root.get(path); status != http.StatusOK || strings.Contains(body, "<no value>") {
			t.Errorf("superuser GET %s: %d", path, status)
		}
		want := http.StatusNotFound
		if forStaff[path] {
			want = http.StatusOK
		}
		if status, _ := staff.get(path); status != want {
			t.Errorf("staff GET %s: %d, want %d", path, status, want)
		}
		if status, _ := member.get(path); status != http.StatusNotFound {
			t.Errorf("member GET %s: %d, want 404", path, status)
		}
		if status, _ := nobody.get(path); status != http.StatusSeeOther {
			t.Errorf("anonymous GET %s: %d, want 303 to the log-in", path, status)
		}
	}
	// Rights are asked for in the transaction that changes, not only by the page.
	for _, path := range []string{"/admin/organization/add/", "/admin/user_account/3/", "/admin/user_account/3/password/", "/admin/user_account/"} {
		if status, _, _ := staff.post(path, "name=X&is_superuser=true&password=Trompete-7-blau&id=3&action=activate"); status != http.StatusNotFound {
			t.Errorf("staff POST %s: %d, want 404", path, status)
		}
	}
}

// The page of the sensors' state says of who is faulty what is wrong, and has them first.
// TestTheLogIsNoWayAround: who may read the log of changes does not learn there of people, whom
// only superusers see.
func TestTheLogIsNoWayAround(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.pool.Exec(t.Context(), `
		UPDATE user_account SET is_staff = true, first_name = 'Veronika' WHERE username = 'veraVersuch'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pool.Exec(t.Context(), `
		INSERT INTO staff_right (user_id, subject) SELECT id, 'audit_log' FROM user_account WHERE username = 'veraVersuch'`); err != nil {
		t.Fatal(err)
	}
	var person, site int64
	if err := s.pool.QueryRow(t.Context(), `
		SELECT max(id) FILTER (WHERE subject = 'user_account' AND changes::text LIKE '%Veronika%'), max(id) FILTER (WHERE subject = 'site')
		  FROM audit_log`).Scan(&person, &site); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		who    *browser
		status int
		names  bool
	}{"staff": {s.as(t, "veraVersuch"), http.StatusNotFound, false}, "superuser": {s.as(t, "admin"), http.StatusOK, true}} {
		for _, path := range []string{"/admin/audit_log/", "/admin/audit_log/?subject=user_account", "/admin/audit_log/?q=user_account"} {
			if status, body := tt.who.get(path); status != http.StatusOK || strings.Contains(body, "Veronika") != tt.names {
				t.Errorf("%s GET %s: %d, with the name: %v, want %v", name, path, status, !tt.names, tt.names)
			}
		}
		if status, _ := tt.who.get(fmt.Sprintf("/admin/audit_log/%d/", person)); status != tt.status {
			t.Errorf("%s reads of a person: %d, want %d", name, status, tt.status)
		}
		if status, _ := tt.who.get(fmt.Sprintf("/admin/audit_log/%d/", site)); status != http.StatusOK {
			t.Errorf("%s reads of a site: %d", name, status)
		}
	}
}

func TestFaultySensorsAreNamedFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, sql := range []string{
		`INSERT INTO node_status (node_no, last_contact_at, last_sample_at, last_co2_ppm, last_status) SELECT no, now(), now(), no, 'E' FROM node`,
		`INSERT INTO node_fidelity (node_no, fidelity, since, fault, fault_since)
		 SELECT no, CASE no WHEN 1 THEN 'D' ELSE 'E' END::"char", now(),
		        CASE no WHEN 2 THEN 'implausible' WHEN 3 THEN 'frozen' END, CASE WHEN no IN (2, 3) THEN now() - interval '3 hours' END FROM node`,
	} {
		if _, err := s.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	_, body := s.as(t, "admin").get("/admin/fidelity/")
	dead := strings.Index(body, ">dead<")
	for _, wrong := range []string{
		"reports CO2 that no air has or no sensor measures (2 ppm), or itself as faulty, first 3 hours ago",
		"reports the same CO2 day and night (3 ppm), first 3 hours ago",
	} {
		if at := strings.Index(body, wrong); at < 0 || at > dead {
			t.Errorf("%q stands at %d, and the first dead sensor at %d", wrong, at, dead)
		}
	}
	// It says the same for longer than air stands still, and is not stuck yet at that value.
	const marks = "/admin/stuck_sensor/?node_id="
	if strings.Contains(body, marks) {
		t.Error("a list of marks is linked without a mark")
	}
	pgtest.Exec(t, s.pool, "INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at) VALUES (3, now() - interval '4 days', 3, now())")
	if _, body := s.as(t, "admin").get("/admin/fidelity/"); strings.Count(body, marks) != 1 {
		t.Errorf("the list of the one mark is linked %d times", strings.Count(body, marks))
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.as(t, "admin")
	steps := []struct {
		name, path, form string
		status           int
		leads, shows     string
	}{
		{"create", "/admin/organization/add/", "name=New&description=", 303, "/admin/organization/4/?done=saved", ""},
		{"taken name", "/admin/organization/add/", "name=New", 422, "", "in use already"},
		{"missing name", "/admin/organization/add/", "name=+", 422, "", "may not be blank"},
		{"inline rows", "/admin/organization/4/", "name=New&i0.new.here=1&i0.new.user_id=2&i0.new.role=O&i1.new.here=1&i1.new.name=Site&i1.new.address_id=1", 303, "/admin/organization/4/?done=saved", ""},
		{"wrong inline row", "/admin/organization/4/", "name=Newer&i1.new.here=1&i1.new.name=Site&i1.new.address_id=1", 422, "", "in use already"},
		{"overlap", "/admin/installation/add/", "node_id=3b95a1b2-74e7-9e98-52c4-4acae441f0ae&room_id=1&from_time=2021-01-01T00:00", 422, "", "already installed"},
		{"ends before it starts", "/admin/installation/add/", "node_id=9d02faee-4260-1377-22ec-936428b572ee&room_id=1&from_time=2021-01-01T00:00&to_time=2020-01-01T00:00", 422, "", "The end must be after the start"},
		{"bad EUI", "/admin/node/add/", "id=00000000-0000-0000-0000-000000000001&eui64=xyz&alias=N&protocol_id=1&model_id=1&owner_id=1", 422, "", "16 hexadecimal digits"},
		{"another id", "/admin/node/add/", "id=00000000-0000-0000-0000-000000000001&eui64=a8-17-58-ff-fe-00-00-01&alias=N&protocol_id=1&model_id=1&owner_id=4", 422, "", ""},
		{"node", "/admin/node/add/", "eui64=a8-17-58-ff-fe-00-00-01&alias=N&protocol_id=1&model_id=1&owner_id=4", 303, "/admin/node/" + nodeID(t, "CLAIRCHENPROT_V01", "A81758FFFE000001") + "/?done=saved", ""},
		{"several quantities", "/admin/node_model/add/", "name=M&trade_name=M&manufacturer=M&sensor_type=M&quantities=1&quantities=3", 303, "/admin/node_model/3/?done=saved", ""},
		{"no quantities", "/admin/node_model/add/", "name=M0&trade_name=M&manufacturer=M&sensor_type=M", 303, "/admin/node_model/4/?done=saved", ""},
		{"maybe public", "/admin/installation/add/", "node_id=9d02faee-4260-1377-22ec-936428b572ee&room_id=1&from_time=2025-01-01T00:00&is_public=maybe", 422, "", ""},
		{"a name that no account may have", "/admin/user_account/add/", "username=a+b&is_active=on", 422, "", ""},
		{"somebody's address as a name", "/admin/user_account/add/", "username=vera@versuch.de&is_active=on", 422, "", ""},
		{"an address that is two lines", "/admin/email_address/add/", "user_id=2&email=a@b.de%0D%0ABcc:+x@y.z", 422, "", ""},
		{"bulk action", "/admin/installation/", "id=1&id=2&id=3&action=publish", 303, "/admin/installation/?n=2", ""},
		{"bulk action of a search", "/admin/installation/?is_public=true&p=1&n=2&all=1", "id=1&action=hide", 303, "/admin/installation/?is_public=true&n=1&p=1", ""},
		{"deletion of a search asks", "/admin/installation/?is_public=true", "id=1&action=delete", 200, "", `action="/admin/installation/?is_public=true"`},
		{"in use", "/admin/quantity/", "id=1&action=delete&sure=1", 409, "", "still in use"},
		{"last superuser", "/admin/user_account/", "id=1&action=deactivate", 409, "", "Somebody must be left"},
		{"weak password", "/admin/user_account/2/password/", "password=password1", 422, "", "easy to guess"},
		{"what a deletion takes along", "/admin/organization/", "id=4&action=delete", 200, "", "1 × Sites"},
		{"deletion", "/admin/organization/", "id=4&action=delete&sure=1", 303, "/admin/organization/?n=1", ""},
		{"unknown action", "/admin/organization/", "id=1&action=explode", 404, "", ""},
		{"fixed subject", "/admin/audit_log/add/", "action=create", 404, "", ""},
	}
	for _, step := range steps {
		status, body, leads := root.post(step.path, step.form)
		if status != step.status || leads != step.leads || !strings.Contains(body, step.shows) {
			t.Errorf("%s: %d to %q, want %d to %q and %q in:\n%s", step.name, status, leads, step.status, step.leads, step.shows, body)
		}
	}
	_, body := root.get("/admin/organization/4/history/")
	if !strings.Contains(body, "admin") || !strings.Contains(body, "deleted") || !strings.Contains(body, "created") {
		t.Errorf("history of the deleted organization:\n%s", body)
	}
	// Trying what a deletion would do leaves nothing behind.
	if n := strings.Count(body, "<tr>"); n != 3 {
		t.Errorf("%d rows of history, want the heading, created, deleted:\n%s", n, body)
	}
}

// Who has a device knows its EUI and its protocol; its node's id follows.
func TestNodeIDsAreDerived(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.as(t, "admin")
	const predecessors, eui = "c727b2f8-8377-d4cb-0e95-ac03200b8c93", "9876B600001193E0"
	if status, body, _ := root.post("/admin/node/", "id="+predecessors+"&action=delete&sure=1"); status != http.StatusSeeOther {
		t.Fatalf("deleting the node of the fixtures: %d\n%s", status, body)
	}
	const node = "&alias=N&model_id=1&owner_id=1&id=&eui64="
	_, body, leads := root.post("/admin/node/add/", "protocol_id=1"+node+strings.ToLower(eui))
	if want := "/admin/node/" + predecessors + "/?done=saved"; leads != want {
		t.Errorf("the node goes to %q, want %q\n%s", leads, want, body)
	}
	_, _, leads = root.post("/admin/node_protocol/add/", "identifier=Semaphore&num_uplink_msgs=1&num_downlink_msgs=1")
	protocol := strings.TrimSuffix(strings.TrimPrefix(leads, "/admin/node_protocol/"), "/?done=saved")
	_, body, leads = root.post("/admin/node/add/", "protocol_id="+protocol+node+"A81758FFFE000003")
	if want := "/admin/node/" + nodeID(t, "Semaphore", "A81758FFFE000003") + "/?done=saved"; leads != want {
		t.Errorf("the node of a protocol without a codec goes to %q, want %q\n%s", leads, want, body)
	}
	for what, form := range map[string]string{
		"The id of a sensor follows from its protocol and device EUI": "protocol_id=2&alias=N&model_id=1&owner_id=1&eui64=A81758FFFE000001&id=00000000-0000-0000-0000-000000000001",
		"There is no such thing": "protocol_id=4711" + node + "A81758FFFE000002",
		"This field is required": "protocol_id=1" + node,
	} {
		if status, body, _ := root.post("/admin/node/add/", form); status != http.StatusUnprocessableEntity || !strings.Contains(body, what) {
			t.Errorf("%s: %d, want %q in:\n%s", form, status, what, body)
		}
	}
}

func TestUnknownDevicesAreRegistered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.pool.Exec(t.Context(), `
		INSERT INTO parked_sample (node_id, time, co2_ppm, dev_eui, device_id, protocol)
		VALUES ('dad2e487-5459-4fa4-ad21-8b9a6f2d0a22', '2026-01-01', 600, 'A81758FFFE000003', 'flur', 'ELSYSERS'),
		       ('cc11d6e5-1111-2222-3333-444444444444', '2026-01-01', 600, 'A81758FFFE000004', 'wifi', 'WIFI_V1'),
		       ('bb11d6e5-1111-2222-3333-444444444444', '2026-01-01', 600, NULL, NULL, NULL);
		INSERT INTO node_protocol (id, identifier) VALUES (77, 'Wifi_v1'); -- of no codec of ours
		INSERT INTO heard_device (eui64, seen_at, application) VALUES ('A81758FFFE000003', now(), 'schools/ers')`); err != nil {
		t.Fatal(err)
	}
	root := s.as(t, "admin")
	_, body := root.get("/admin/parked/")
	for _, want := range []string{
		"/admin/node/add/?alias=flur&amp;eui64=A81758FFFE000003&amp;id=dad2e487-5459-4fa4-ad21-8b9a6f2d0a22&amp;protocol_id=2",
		"/admin/node/add/?alias=wifi&amp;eui64=A81758FFFE000004&amp;id=cc11d6e5-1111-2222-3333-444444444444&amp;protocol_id=77",
		`"/admin/node/add/?id=bb11d6e5-1111-2222-3333-444444444444"`,
		`<a href="/admin/network_application/?q=schools%2Fers">schools/ers</a>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in:\n%s", want, body)
		}
	}
	if status, body, _ := root.post("/admin/parked/", "node=dad2e487-5459-4fa4-ad21-8b9a6f2d0a22"); status != http.StatusOK || !strings.Contains(body, "within 30 days with the code") {
		t.Errorf("a code for the owner: %d\n%s", status, body)
	}
	for form, want := range map[string]string{
		"eui64=a81758fffe000009&organization_id=1": "within 30 days with the code",
		"eui64=9876B600001193E0&organization_id=":  "The device is registered already, by: ", // one of the fixtures
		"eui64=&organization_id=1":                 "This field is required",
		"eui64=nonsense&organization_id=":          "An EUI-64 has 16 hexadecimal digits",
		"eui64=A81758FFFE000009&organization_id=x": "There is no such thing",
	} {
		if _, body, _ := root.post("/admin/parked/", form); !strings.Contains(body, want) {
			t.Errorf("POST %s: no %q in:\n%s", form, want, body)
		}
	}
	if _, body := root.get("/admin/claim_code/"); strings.Count(body, "A81758FFFE00000") < 2 {
		t.Errorf("not both codes in:\n%s", body)
	}
	if status, _, _ := root.post("/admin/parked/", "node=nonsense"); status != http.StatusNotFound {
		t.Errorf("a code for nothing: %d, want 404", status)
	}
	_, form := root.get("/admin/node/add/?alias=flur&eui64=A81758FFFE000003&id=dad2e487-5459-4fa4-ad21-8b9a6f2d0a22&protocol_id=2")
	for _, want := range []string{`value="flur"`, `value="A81758FFFE000003"`, `value="dad2e487-5459-4fa4-ad21-8b9a6f2d0a22"`, `<option value="2" selected>`} {
		if !strings.Contains(form, want) {
			t.Errorf("no %q in:\n%s", want, form)
		}
	}
	if status, body, _ := root.post("/admin/node/add/",
		"alias=flur&eui64=A81758FFFE000003&id=dad2e487-5459-4fa4-ad21-8b9a6f2d0a22&protocol_id=2&model_id=1&owner_id=1"); status != http.StatusSeeOther {
		t.Fatalf("registering: %d\n%s", status, body)
	}
	var adopted int
	if err := s.pool.QueryRow(t.Context(), `
		SELECT count(*) FROM sample JOIN node ON no = node_no WHERE id = 'dad2e487-5459-4fa4-ad21-8b9a6f2d0a22'`).Scan(&adopted); err != nil {
		t.Fatal(err)
	}
	if adopted != 1 {
		t.Errorf("%d samples were adopted, want 1", adopted)
	}
}

// Without a script, all rows of a page are selected by a link.
func TestSelectAll(t *testing.T) {
	t.Parallel()
	root := newSite(t).as(t, "admin")
	for query, selected := range map[string]int{"": 0, "?all=1": 9, "?owner_id=2&all=1": 2} {
		_, body := root.get("/admin/node/" + query)
		if got := strings.Count(body, "\" checked"); got != selected {
			t.Errorf("GET /admin/node/%s: %d rows are selected, want %d", query, got, selected)
		}
	}
	_, body := root.get("/admin/node/?owner_id=2")
	if want := `href="?owner_id=2&amp;p=1&amp;all=1"`; !strings.Contains(body, want) {
		t.Errorf("no %s in:\n%s", want, body)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	root := newSite(t).as(t, "admin")
	for query, rows := range map[string]int{
		"":                                 9,
		"?q=hpi":                           6,
		"?q=hpi+53cab":                     1,
		"?q=%25":                           0, // no wildcard
		"?owner_id=2":                      2,
		"?owner_id=2&q=ers":                1,
		"?o=-alias&p=1":                    9,
		"?o=owner_id%3Bdrop":               9,
		"?p=99":                            0,
		"?owner_id='%20or%201=1":           0,
		"?q=" + strings.Repeat("x", 10000): 0,
	} {
		status, body := root.get("/admin/node/" + query)
		if got := strings.Count(body, `name="id"`); status != http.StatusOK || got != rows {
			t.Errorf("GET /admin/node/%.40s: %d, %d rows, want %d", query, status, got, rows)
		}
	}
}

// Where there are more rows than a list of choices can show, one searches, without a
// script.
func TestPickFromVeryMany(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.pool.Exec(t.Context(), `
		INSERT INTO organization (id, name) SELECT 10000 + i, 'Schule ' || i FROM generate_series(1, 600) i`); err != nil {
		t.Fatal(err)
	}
	b := s.as(t, "admin")
	want := func(got, what string, is bool) {
		t.Helper()
		if strings.Contains(got, what) != is {
			t.Errorf("%q in the page: %t, want %t\n%s", what, !is, is, got)
		}
	}
	const site = "name=Neu&address_id=1&time_zone=Europe/Berlin&operator_id="
	_, page := b.get("/admin/site/add/")
	want(page, `name="operator_id~find"`, true)
	want(page, "Schule 599", false)
	want(page, `name="address_id~find"`, false)
	// Searching changes nothing and keeps what was entered.
	status, page, _ := b.post("/admin/site/add/", site+"&operator_id~find=schule+59&find=1")
	if status != http.StatusOK {
		t.Errorf("searching: %d", status)
	}
	want(page, `<option value="10599">Schule 599</option>`, true)
	want(page, `<option value="10001">`, false)
	want(page, `value="Neu"`, true)
	// Saving with a search for several asks to choose.
	_, page, _ = b.post("/admin/site/add/", site+"&operator_id~find=schule+59")
	want(page, "please choose", true)
	_, page, _ = b.post("/admin/site/add/", site+"&operator_id~find=nowhere")
	want(page, "Nothing matches", true)
	// One match is taken, a chosen one too.
	status, _, to := b.post("/admin/site/add/", site+"&operator_id~find=schule+599")
	if status != http.StatusSeeOther {
		t.Fatalf("saving with one match: %d", status)
	}
	edit := strings.TrimSuffix(to, "?done=saved")
	_, page = b.get(edit)
	want(page, `<option value="10599" selected>Schule 599</option>`, true)
	if status, _, _ = b.post(edit, site+"10598&operator_id~find=schule+59"); status != http.StatusSeeOther {
		t.Fatalf("saving with a chosen match: %d", status)
	}
	_, page = b.get(edit)
	want(page, `<option value="10598" selected>Schule 598</option>`, true)
	// Enter in another field presses the first button of the form, which is to search.
	if status, _, _ = b.post(edit, site+"10598&find=1"); status != http.StatusSeeOther {
		t.Errorf("saving by the button to search, with nothing to search for: %d", status)
	}
	// Percent signs are not a way to find everything.
	_, page, _ = b.post("/admin/site/add/", site+"&operator_id~find=%25&find=1")
	want(page, "Nothing matches", true)
}

// nodeID is the id of a device with a protocol.
func nodeID(t *testing.T, protocol, eui string) string {
	t.Helper()
	id, v := inventory.NodeIDOf(protocol, eui)
	if v != nil {
		t.Fatal(v)
	}
	return id.String()
}

// Administrators make tokens of organizations, see each once, and revoke them.
func TestTokensOfOrganizations(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.as(t, "admin")
	const add = "/admin/ingestion_token/add/"
	var node, others string
	if err := s.pool.QueryRow(t.Context(), "SELECT min(id::text) FILTER (WHERE owner_id = 1), coalesce(min(id::text) FILTER (WHERE owner_id <> 1), gen_random_uuid()::text) FROM node").Scan(&node, &others); err != nil {
		t.Fatal(err)
	}
	for form, want := range map[string]string{
		"name=Dach&organization_id=1&node_id=":                    "The token “Dach” is clair-ingest-",
		"name=Flur&organization_id=1&node_id=" + node:             "The token “Flur” is clair-ingest-",
		"name=&organization_id=1&node_id=":                        "This field is required",
		"name=x&organization_id=&node_id=":                        "This field is required",
		"name=x&organization_id=999&node_id=":                     "There is no such thing",
		"name=x&organization_id=1&node_id=" + others:              "There is no such thing",
		"name=x&organization_id=1&node_id=nonsense":               "There is no such thing",
		"name=" + strings.Repeat("x", 101) + "&organization_id=1": "100",
	} {
		if _, body, _ := root.post(add, form); !strings.Contains(body, want) {
			t.Errorf("POST %s: no %q in:\n%s", form, want, body)
		}
	}
	_, body := root.get("/admin/ingestion_token/")
	if !strings.Contains(body, "Dach") || !strings.Contains(body, "Flur") || strings.Contains(body, "clair-ingest-") {
		t.Errorf("the list:\n%s", body)
	}
	if status, _, _ := root.post("/admin/ingestion_token/", "action=revoke&id=1&id=2"); status != http.StatusSeeOther {
		t.Errorf("revoke: %d", status)
	}
	if status, _, _ := s.as(t, "tomTester").post(add, "name=x&organization_id=1"); status != http.StatusNotFound {
		t.Errorf("a member: %d", status)
	}
	var made, good, logged, secrets int
	if err := s.pool.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM ingestion_token), (SELECT count(*) FROM ingestion_token WHERE revoked_at IS NULL),
		       count(*), count(*) FILTER (WHERE changes ? 'digest') FROM audit_log WHERE subject = 'ingestion_token' AND actor_name = 'admin'`,
	).Scan(&made, &good, &logged, &secrets); err != nil || made != 2 || good != 0 || logged != 4 || secrets != 0 {
		t.Errorf("%d made, %d good, %d in the log, %d with what they are kept by (%v); want 2, 0, 4, 0", made, good, logged, secrets, err)
	}
}

// An administrator takes back that a sensor was stuck, which is logged.
func TestMarksOfStuckSensorsAreTakenBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.as(t, "admin")
	var alias string
	if err := s.pool.QueryRow(t.Context(), `
		WITH stuck AS (INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at)
		               SELECT min(no), now() - interval '4 days', 814, now() FROM node RETURNING node_no)
		SELECT alias FROM node JOIN stuck ON node_no = no`).Scan(&alias); err != nil {
		t.Fatal(err)
	}
	if _, body := root.get("/admin/stuck_sensor/"); !strings.Contains(body, alias) || !strings.Contains(body, "814") {
		t.Errorf("the list has no %q at 814 ppm:\n%s", alias, body)
	}
	if status, _, _ := s.as(t, "tomTester").post("/admin/stuck_sensor/", "action=take_back&id=1"); status != http.StatusNotFound {
		t.Errorf("a member: %d", status)
	}
	if status, _, _ := root.post("/admin/stuck_sensor/", "action=take_back&id=1"); status != http.StatusSeeOther {
		t.Errorf("take back: %d", status)
	}
	for _, path := range []string{"/admin/stuck_sensor/1/", "/admin/stuck_sensor/1/history/"} {
		if status, body := root.get(path); status != http.StatusOK || !strings.Contains(body, alias) {
			t.Errorf("GET %s: %d\n%s", path, status, body)
		}
	}
	var taken, logged int
	if err := s.pool.QueryRow(t.Context(), `
		SELECT (SELECT count(taken_back_at) FROM stuck_sensor), count(*)
		  FROM audit_log WHERE subject = 'stuck_sensor' AND subject_id = '1' AND actor_name = 'admin'`).Scan(&taken, &logged); err != nil || taken != 1 || logged != 1 {
		t.Errorf("%d taken back, %d in the log, %v; want 1 and 1", taken, logged, err)
	}
}

// A sensor that the wrong ones registered goes to its owner in one save, together with its
// installations, which stay in the log.
func TestSensorIsHandedOver(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.as(t, "admin")
	const node = "3b95a1b2-74e7-9e98-52c4-4acae441f0ae"
	_, _, leads := root.post("/admin/organization/add/", "name=Rightful")
	organization := strings.TrimSuffix(strings.TrimPrefix(leads, "/admin/organization/"), "/?done=saved")
	_, page := root.get("/admin/node/" + node + "/")
	form := url.Values{
		"owner_id": {organization}, "model_id": {"1"}, "protocol_id": {"1"}, "alias": {"Clairchen Schwarz"}, "eui64": {"003CB7EA62A7DCBB"},
	}
	installations := regexp.MustCompile(`name="(i0\.\d+\.)here"`).FindAllStringSubmatch(page, -1)
	if len(installations) == 0 {
		t.Fatalf("no installations in:\n%s", page)
	}
	if status, body, _ := root.post("/admin/node/"+node+"/", form.Encode()); status != http.StatusUnprocessableEntity {
		t.Errorf("with its installations: %d\n%s", status, body)
	}
	for _, in := range installations {
		form.Set(in[1]+"here", "1")
		form.Set(in[1]+"delete", "on")
	}
	if status, body, leads := root.post("/admin/node/"+node+"/", form.Encode()); leads != "/admin/node/"+node+"/?done=saved" {
		t.Errorf("without them: %d\n%s", status, body)
	}
	if _, page := root.get("/admin/node/" + node + "/"); strings.Contains(page, installations[0][1]+"here") {
		t.Errorf("the installations are still there:\n%s", page)
	}
	if _, history := root.get("/admin/node/" + node + "/history/"); !strings.Contains(history, "<del>2</del>") || !strings.Contains(history, "<ins>"+organization+"</ins>") {
		t.Errorf("the log does not tell of it:\n%s", history)
	}
}
