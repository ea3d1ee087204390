package conformance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// Two organizations, both owned by user 1, who is an administrator, too. In the second
// they are the last OWNER. Node 2 is in no room.
const worldSQL = `
INSERT INTO user_account (id, username, is_superuser, is_staff) VALUES (1, 'olga', true, true), (2, 'ines', false, false);
INSERT INTO organization (id, name) VALUES (1, 'Haus'), (2, 'Fremd');
INSERT INTO membership (id, user_id, organization_id, role) VALUES (1, 1, 1, 'O'), (2, 1, 2, 'O'), (3, 2, 1, 'O');
INSERT INTO address (id, street1, zip, city, created_by) VALUES (1, 'Weg 1', '10827', 'Berlin', 1), (2, 'Weg 2', '10827', 'Berlin', 1);
INSERT INTO site (id, name, address_id, operator_id) VALUES (1, 'Schule', 1, 1), (2, 'Museum', 2, 2);
INSERT INTO room (id, site_id, name) VALUES (1, 1, 'Klasse'), (2, 2, 'Saal');
INSERT INTO quantity (id, name, base_unit) VALUES (1, 'CO2', 'ppm');
INSERT INTO node_protocol (id, identifier) VALUES (1, 'ERS'), (2, 'CLAIRCHEN');
INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type) VALUES (1, 'ERS', 'ERS', 'Elsys', 'NDIR');
INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id) VALUES
	('00000000-0000-4000-8000-000000000001', '9876B60000000001', 'Eins', 1, 1, 1),
	('00000000-0000-4000-8000-000000000002', '9876B60000000002', 'Zwei', 1, 1, 1);
INSERT INTO installation (id, node_id, room_id, from_time) VALUES (1, '00000000-0000-4000-8000-000000000001', 1, '2026-01-01T00:00:00Z');
INSERT INTO calibration (id, node_id, performed_at, method) OVERRIDING SYSTEM VALUE VALUES (1, '00000000-0000-4000-8000-000000000001', '2026-01-02T00:00:00Z', 'maker');`

const (
	node1 = "00000000-0000-4000-8000-000000000001"
	node2 = "00000000-0000-4000-8000-000000000002"
)

type values = map[string]string

// kinds has for each kind values of a new thing that break no rule, by the names of
// the API; the address of its resources; its type, its model in fixtures, and the id of
// a thing there is.
var kinds = map[string]struct {
	good                 values
	path, typ, model, pk string
	fields               []inventory.Field
	fixtureNames         map[string]string
}{
	"organization": {values{"name": "Neu"}, "organizations", "Organization", fixture.ModelOrganization, "1", inventory.Organizations.Fields(), nil},
	"membership":   {values{"organization": "2", "user": "2", "role": "I"}, "memberships", "Membership", fixture.ModelMembership, "2", inventory.Memberships.Fields(), nil},
	"address":      {values{"street1": "Weg 3", "zip": "10827", "city": "Berlin"}, "addresses", "Address", fixture.ModelAddress, "1", inventory.Addresses.Fields(), nil},
	"site":         {values{"name": "Neu", "operator": "1", "address": "1"}, "sites", "Site", fixture.ModelSite, "1", inventory.Sites.Fields(), nil},
	"room":         {values{"name": "Neu", "site": "1"}, "rooms", "Room", fixture.ModelRoom, "1", inventory.Rooms.Fields(), nil},
	"node":         {values{"eui64": "9876B60000000009", "alias": "Neu", "protocol": "1", "model": "1", "owner": "1"}, "nodes", "Node", fixture.ModelNode, node1, inventory.Nodes.Fields(), nil},
	"installation": {values{"node": node2, "room": "1", "from_timestamp_s": "1770000000"}, "installations", "Installation", fixture.ModelInstallation, "1", inventory.Installations.Fields(), nil},
	// The predecessor has none.
	"calibration": {values{"node": node1, "performed_at_s": "1770000000", "method": "outdoor"}, "calibrations", "Calibration", "", "1", inventory.Calibrations.Fields(), nil},
}

// broken is the table: one value makes a good thing a wrong one. not lists the doors that cannot say it.
var broken = []brokenValue{
	{kind: "organization", field: "name", value: "", why: reason.Blank},
	{kind: "organization", field: "name", value: strings.Repeat("ü", 51), why: reason.MaxLength},
	{kind: "organization", field: "name", value: "Fremd", why: reason.Unique},
	{kind: "membership", field: "role", value: "X", why: reason.InvalidChoice},
	{kind: "organization", field: "name", value: "a\x00b", why: reason.NullCharactersNotAllowed, not: []string{"move"}}, // no table holds it
	{kind: "organization", field: "description", value: "a\x00b", why: reason.NullCharactersNotAllowed, not: []string{"move"}},
	{kind: "address", field: "zip", value: "!!%<>", why: reason.InvalidZip},
	{kind: "address", field: "zip", value: "123456", why: reason.MaxLength},
	{kind: "address", field: "latitude", value: "1.1234567", why: reason.MaxDecimalPlaces},
	{kind: "site", field: "time_zone", value: "Nonsense/Zone", why: reason.InvalidTimeZone, not: []string{"fixture"}}, // the predecessor knows none
	{kind: "site", field: "time_zone", value: "Local", why: reason.InvalidTimeZone, not: []string{"fixture"}},
	// There is no machine that has not these, and they mean the same on no two.
	{kind: "site", field: "time_zone", value: "posix/Europe/Berlin", why: reason.InvalidTimeZone, not: []string{"fixture"}},
	{kind: "site", field: "time_zone", value: "right/UTC", why: reason.InvalidTimeZone, not: []string{"fixture"}},
	{kind: "site", field: "time_zone", value: "Factory", why: reason.InvalidTimeZone, not: []string{"fixture"}},
	{kind: "site", field: "time_zone", value: "localtime", why: reason.InvalidTimeZone, not: []string{"fixture"}},
	{kind: "site", field: "address", value: "1,1", why: reason.DoesNotExist, not: []string{"fixture"}}, // it has numbers there
	{kind: "room", field: "name", value: strings.Repeat("x", 51), why: reason.MaxLength},
	{kind: "room", field: "size_sqm", value: "12345.0", why: reason.MaxWholeDigits},
	{kind: "room", field: "height_m", value: "2.55", why: reason.MaxDecimalPlaces},
	{kind: "room", field: "max_occupancy", value: "2147483648", why: reason.MaxValue},
	{kind: "room", field: "verdict_profile", value: "of-nobody", why: reason.InvalidChoice, not: []string{"fixture"}}, // the predecessor knows none
	{kind: "site", field: "verdict_profile", value: "De-Uba", why: reason.InvalidChoice, not: []string{"fixture"}},
	{kind: "organization", field: "verdict_profile", value: "x", why: reason.InvalidChoice, not: []string{"fixture"}},
	{kind: "room", field: "climate_band", value: "of-nobody", why: reason.InvalidChoice, not: []string{"fixture"}},
	{kind: "site", field: "climate_band", value: "Bizot", why: reason.InvalidChoice, not: []string{"fixture"}},
	{kind: "organization", field: "climate_band", value: "x", why: reason.InvalidChoice, not: []string{"fixture"}},
	{kind: "node", field: "alias", value: strings.Repeat("x", 101), why: reason.MaxLength},
	{kind: "node", field: "expected_interval_s", value: "59", why: reason.MinValue, not: []string{"fixture"}},
	{kind: "node", field: "eui64", value: "9876B6000000000", why: reason.InvalidEUI64},
	{kind: "node", field: "eui64", value: "9876B60000000002", why: reason.EUI64Taken, not: []string{"change"}},
	{kind: "node", field: "eui64", value: "9876B60000000002", why: reason.OtherDevice, not: []string{"create", "fixture"}},
	{kind: "node", field: "protocol", value: "2", why: reason.OtherDevice, not: []string{"create", "fixture"}},
	{kind: "node", field: "id", value: node2[:35] + "9", why: reason.IDMismatch, not: []string{"change", "fixture"}}, // the predecessor's are kept
	{kind: "installation", field: "room", value: "2", why: reason.DifferentOrganizations},
	{kind: "installation", field: "to_timestamp_s", value: "1500000000", why: reason.EndsBeforeStart},
	{kind: "installation", field: "from_timestamp_s", value: "1770000000.5", why: reason.Invalid, not: []string{"move"}}, // the predecessor has whole numbers
	{kind: "installation", field: "to_timestamp_s", value: "1780000000.5", why: reason.Invalid, not: []string{"move"}},
	{kind: "installation", field: "node", value: node1, why: reason.Overlap, not: []string{"change", "fixture"}}, // it would be itself
	{kind: "room", field: "site", value: "2", why: reason.InstalledElsewhere, not: []string{"create"}},
	{kind: "site", field: "operator", value: "2", why: reason.InstalledElsewhere, not: []string{"create"}},
	{kind: "node", field: "owner", value: "2", why: reason.InstalledElsewhere, not: []string{"create"}},
	{kind: "membership", field: "role", value: "I", why: reason.LastOwner, not: []string{"create"}},
	{kind: "calibration", field: "performed_at_s", value: "4102444800", why: reason.InFuture, not: []string{"fixture", "move"}},
	{kind: "calibration", field: "performed_at_s", value: "946684799", why: reason.TooOld, not: []string{"fixture", "move"}},
	{kind: "calibration", field: "performed_at_s", value: "0", why: reason.TooOld, not: []string{"fixture", "move"}},
}

type brokenValue struct {
	kind, field, value string
	why                reason.Reason
	not                []string
}

// existing returns the values of the thing there is, with the broken one.
func (b brokenValue) existing() values {
	whole := maps.Clone(kinds[b.kind].good)
	switch b.kind {
	case "membership":
		whole["user"] = "1"
	case "installation", "node":
		whole["node"], whole["eui64"] = node1, "9876B60000000001"
	}
	whole[b.field] = b.value
	return whole
}

type world struct {
	pool *pgxpool.Pool // the owner's
	as   *pgxpool.Pool // managair's
	api  http.Handler
}

func newWorld(t *testing.T) *world {
	t.Helper()
	pool := pgtest.New(t)
	if _, err := pool.Exec(t.Context(), worldSQL); err != nil {
		t.Fatal(err)
	}
	_, err := pool.Exec(t.Context(), `SELECT setval(pg_get_serial_sequence(name, 'id'), 100) FROM unnest(ARRAY[
		'organization', 'membership', 'address', 'site', 'room', 'installation', 'calibration']) name`)
	if err != nil {
		t.Fatal(err)
	}
	as := pgtest.As(t, schema.Managair, pool)
	accounts := identity.NewAccounts(postgres.NewIdentity(as), identitytest.Hasher(), nil, identitytest.Limits(t), time.Now)
	log := slog.New(slog.DiscardHandler)
	api := httpapi.New(httpapi.Config{}, log, nil, httpapi.Domain{
		Inventory: postgres.NewInventory(as), Telemetry: postgres.NewTelemetry(as), Readings: postgres.NewTelemetry(as), Accounts: accounts, Tokens: postgres.Tokens{Pool: as},
		AirQuality: roomair.Service{Rooms: postgres.AirQuality{Pool: as}, Samples: postgres.NewTelemetry(as), Occupancy: timetable.Past{Store: postgres.Timetables{Pool: as}, Samples: postgres.NewTelemetry(as)}, Log: log},
	}, time.Now)
	handler, err := api.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return &world{pool, as, handler}
}

var caller = access.Caller{UserID: 1, Superuser: true, Staff: true}

// request returns the code of the first error of the API's answer.
func (w *world) request(t *testing.T, method, path, media, body string) string {
	t.Helper()
	r := httptest.NewRequest(method, "http://h/api/v1/"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", media)
	r = r.WithContext(access.WithCaller(r.Context(), caller))
	answer := httptest.NewRecorder()
	w.api.ServeHTTP(answer, r)
	var doc struct{ Errors []struct{ Code string } }
	if err := json.Unmarshal(answer.Body.Bytes(), &doc); err != nil || len(doc.Errors) == 0 {
		return fmt.Sprintf("%d %s", answer.Code, answer.Body)
	}
	return doc.Errors[0].Code
}

// document puts values where a document of the API has them.
func document(kind string, v values, id string) string {
	of := kinds[kind]
	attributes, relationships := map[string]any{}, map[string]any{}
	for _, f := range of.fields {
		text, ok := v[f.Name]
		switch {
		case !ok:
		case f.Reference():
			typ := kinds[f.Of].typ
			switch f.Of {
			case "user_account":
				typ = "User"
			case "node_protocol":
				typ = "Protocol"
			case "node_model":
				typ = "Model"
			}
			relationships[f.Name] = map[string]any{"data": map[string]any{"type": typ, "id": text}}
		case f.Name != "id":
			attributes[f.Name] = text
		}
	}
	data := map[string]any{"type": of.typ, "attributes": attributes, "relationships": relationships}
	if id != "" {
		data["id"] = id
	}
	encoded, _ := json.Marshal(map[string]any{"data": data}) // texts only
	return string(encoded)
}

// clock writes Unix seconds as forms do.
func clock(seconds string) string {
	whole, part, _ := strings.Cut(seconds, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return seconds
	}
	text := time.Unix(n, 0).UTC().Format("2006-01-02T15:04:05")
	if part != "" {
		text += "." + part
	}
	return text
}

// change puts values where a form of the admin pages has them.
func change(kind string, v values, id string) backoffice.Change {
	s, _ := backoffice.Find(kind)
	c := backoffice.Change{Subject: s, ID: id, Values: map[string]*string{}}
	for _, f := range kinds[kind].fields {
		text, ok := v[f.Name]
		if !ok {
			continue
		}
		if _, ok := f.Rule.(inventory.Moment); ok {
			text = clock(text)
		}
		field, _ := s.Field(f.In())
		if value, wrong := field.Clean(text, c.ID == ""); wrong == nil {
			c.Values[f.In()] = value
		} else {
			c.Values["!"] = new(wrong.Code()) // the form is shown again with it
		}
	}
	return c
}

// admin returns the code with which the admin pages refuse the last of some changes.
func (w *world) admin(t *testing.T, changes ...backoffice.Change) string {
	t.Helper()
	if code := changes[len(changes)-1].Values["!"]; code != nil {
		return *code
	}
	_, err := postgres.Backoffice{Pool: w.as}.Apply(t.Context(), caller, changes)
	v, ok := errors.AsType[*fault.Violation](err)
	if !ok {
		return fmt.Sprint(err)
	}
	if v.Item != len(changes)-1 {
		return fmt.Sprintf("%s of change %d", v.Code(), v.Item)
	}
	return v.Code()
}

// isNumber reports whether the predecessor has a number there.
func isNumber(f inventory.Field) bool {
	switch f.Rule.(type) {
	case rule.Int, inventory.Moment:
		return true
	default:
		return f.Reference() && f.Of != "node"
	}
}

// fixture returns the code with which a row of a fixture is left out.
func (w *world) fixture(t *testing.T, kind string, v values, id string) string {
	t.Helper()
	report := w.load(t, kind, v, id)
	if report.LeftOut() != 1 {
		return fmt.Sprintf("%d left out", report.LeftOut())
	}
	return report.Problems[0].Code
}

// load loads a fixture of one row.
func (w *world) load(t *testing.T, kind string, v values, id string) *fixture.Report {
	t.Helper()
	of := kinds[kind]
	fields := map[string]any{}
	for _, f := range of.fields {
		text, ok := v[f.Name]
		switch {
		case f.Name == "id" || !ok:
		case isNumber(f):
			fields[f.Name] = json.Number(text)
		default:
			fields[f.Name] = text
		}
	}
	var pk any = json.Number(id)
	if kind == "node" {
		pk = id
	}
	content, _ := json.Marshal([]any{map[string]any{"model": of.model, "pk": pk, "fields": fields}})
	loader := moving.Loader{Pool: w.as, Now: time.Now}
	report, err := loader.Load(t.Context(), fixture.Objects(fixture.Source{Name: "test", Reader: strings.NewReader(string(content))}))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestEveryDoorRefusesTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, row := range broken {
		of := kinds[row.kind]
		wrong := maps.Clone(of.good)
		wrong[row.field] = row.value
		only := values{row.field: row.value}
		got := map[string]string{}
		if !slices.Contains(row.not, "create") {
			form := url.Values{}
			for name, text := range wrong {
				form.Set(name, text)
			}
			got["operation"] = w.request(t, http.MethodPost, "operations/", `application/vnd.api+json; ext="https://jsonapi.org/ext/atomic"`,
				`{"atomic:operations":[{"op":"add",`+document(row.kind, wrong, wrong["id"])[1:]+`]}`)
			got["POST"] = w.request(t, http.MethodPost, of.path+"/", "application/vnd.api+json", document(row.kind, wrong, wrong["id"]))
			got["HTML form"] = w.request(t, http.MethodPost, of.path+"/", "application/x-www-form-urlencoded", form.Encode())
			got["admin add"] = w.admin(t, change(row.kind, wrong, ""))
			got["admin inline"] = w.admin(t, change("organization", values{"name": "Haus"}, "1"), change(row.kind, wrong, ""))
		}
		if !slices.Contains(row.not, "change") {
			got["PATCH"] = w.request(t, http.MethodPatch, of.path+"/"+of.pk+"/", "application/vnd.api+json", document(row.kind, only, of.pk))
			got["admin edit"] = w.admin(t, change(row.kind, only, of.pk))
		}
		if !slices.Contains(row.not, "fixture") {
			got["loaddata"] = w.fixture(t, row.kind, row.existing(), of.pk)
		}
		for _, door := range slices.Sorted(maps.Keys(got)) {
			if got[door] != row.why.Code() {
				t.Errorf("%s.%s = %.60q by %s: %s, want %s", row.kind, row.field, row.value, door, got[door], row.why.Code())
			}
		}
	}
}

// Whatever door a new node comes by, its id follows from protocol and device EUI; one
// that the predecessor gave stays, and the report says so.
func TestEveryDoorDerivesTheID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := func(eui string) string {
		id, v := inventory.NodeIDOf("CLAIRCHEN", eui)
		if v != nil {
			t.Fatal(v)
		}
		return id.String()
	}
	for i, door := range []func(v values){
		func(v values) {
			w.request(t, http.MethodPost, "nodes/", "application/vnd.api+json", document("node", v, ""))
		},
		func(v values) {
			w.request(t, http.MethodPost, "nodes/", "application/vnd.api+json", document("node", v, strings.ToUpper(want(v["eui64"]))))
		},
		func(v values) {
			form := url.Values{"id": {""}}
			for name, text := range v {
				form.Set(name, text)
			}
			w.request(t, http.MethodPost, "nodes/", "application/x-www-form-urlencoded", form.Encode())
		},
		func(v values) { w.admin(t, change("node", v, "")) },
	} {
		eui := fmt.Sprintf("9876B600000000A%d", i)
		good := maps.Clone(kinds["node"].good)
		good["eui64"], good["protocol"] = eui, "2"
		door(good)
		var got string
		if err := w.pool.QueryRow(t.Context(), "SELECT id::text FROM node WHERE eui64 = $1", eui).Scan(&got); err != nil || got != want(eui) {
			t.Errorf("door %d: id %s (%v), want %s", i, got, err, want(eui))
		}
	}
	odd := maps.Clone(kinds["node"].good)
	odd["eui64"] = "9876B600000000B0"
	report := w.load(t, "node", odd, node2[:35]+"9")
	if len(report.Problems) != 1 || report.Problems[0].Outcome != fixture.Notice || report.Problems[0].PK != node2[:35]+"9" {
		t.Errorf("the predecessor's id: %+v, want a notice", report.Problems)
	}
	// Corrected to what its id says it may be, and nothing else.
	if got := w.request(t, http.MethodPatch, "nodes/"+node2[:35]+"9/", "application/vnd.api+json",
		document("node", values{"alias": "Anders"}, node2[:35]+"9")); !strings.HasPrefix(got, "200 ") {
		t.Error("another name for it:", got)
	}
}

// The last OWNER does not go by any door.
func TestTheLastOwnerStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := map[string]string{
		"DELETE": w.request(t, http.MethodDelete, "memberships/2/", "", ""),
		"linkage of the organization": w.request(t, http.MethodDelete, "organizations/2/relationships/users/", "application/vnd.api+json",
			`{"data":[{"type":"User","id":"1"}]}`),
		"linkage of the user": w.request(t, http.MethodDelete, "users/1/relationships/organizations/", "application/vnd.api+json",
			`{"data":[{"type":"Organization","id":"2"}]}`),
		"admin inline": w.admin(t, change("organization", values{"name": "Fremd"}, "2"), backoffice.Change{Subject: subject("membership"), ID: "2", Delete: true}),
	}
	_, err := postgres.Backoffice{Pool: w.as}.Act(t.Context(), caller, subject("membership"), "delete", []string{"2"})
	got["admin action"] = constraint.Violation(err).Error()
	_, err = w.pool.Exec(t.Context(), "DELETE FROM membership WHERE id = 2")
	got["SQL"] = constraint.Violation(err).Error()
	for door, code := range got {
		if code != "last_owner" {
			t.Errorf("%s: %s", door, code)
		}
	}
}

func subject(name string) *backoffice.Subject {
	s, _ := backoffice.Find(name)
	return s
}

// Rules over several rows hold for whoever comes with SQL, at the latest at the end of
// the transaction; and what one transaction moves as a whole may move.
func TestRowRulesInSQL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, row := range [][2]string{
		{"UPDATE node SET owner_id = 2 WHERE id = '" + node1 + "'", "conflict"},
		{"UPDATE room SET site_id = 2 WHERE id = 1", "conflict"},
		{"UPDATE site SET operator_id = 2 WHERE id = 1", "conflict"},
		{"UPDATE installation SET room_id = 2 WHERE id = 1", "invalid"},
		{"INSERT INTO installation (node_id, room_id, from_time) VALUES ('" + node2 + "', 2, now())", "invalid"},
		{"UPDATE membership SET role = 'I' WHERE id = 2", "last_owner"},
		{"UPDATE membership SET organization_id = 1, user_id = 2 WHERE id = 2", "unique"},
		{"BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE site SET operator_id = 2 WHERE id = 1; COMMIT", "conflict"},
		{"BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE site SET operator_id = 2, name = 'X' WHERE id = 1; UPDATE node SET owner_id = 2 WHERE id = '" + node1 + "'; COMMIT", ""},
	} {
		sql, code := row[0], row[1]
		_, err := w.pool.Exec(t.Context(), sql)
		got := ""
		if v := constraint.Violation(err); v != nil {
			got = v.Code()
		}
		if got != code {
			t.Errorf("%s: %q (%v), want %q", sql, got, err, code)
		}
	}
}
