package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/schema/tomorrow"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving/djangotest"
)

var newID = regexp.MustCompile(`"id":"([^"]+)"`)

// Versions to come add columns, and this one runs on until it is replaced: every kind of
// thing is made, changed, listed and deleted by each door as before.
func TestEveryDoorOnTheSchemaOfTomorrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.request(t, http.MethodGet, "nodes/", "", "") // what is prepared goes on
	w.exec(t, tomorrow.SQL)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		of := kinds[kind]
		path := of.path + "/"
		id, some := "3", of.good
		switch kind {
		case "membership": // nobody becomes a member by this door
			some = values{"role": "I"}
		case "node":
			some = values{"alias": "Anders"}
		}
		if kind != "membership" {
			made := w.request(t, http.MethodPost, path, "application/vnd.api+json", document(kind, of.good, ""))
			if !strings.HasPrefix(made, "201 ") {
				t.Errorf("POST of %s: %s", kind, made)
				continue
			}
			id = newID.FindStringSubmatch(made)[1]
		}
		for _, step := range []struct{ method, path, body, want string }{
			{http.MethodPatch, path + id + "/", document(kind, some, id), "200 "},
			{http.MethodGet, path + id + "/", "", "200 "},
			{http.MethodGet, path, "", "200 "},
			{http.MethodDelete, path + id + "/", "", "204 "},
		} {
			if got := w.request(t, step.method, step.path, "application/vnd.api+json", step.body); !strings.HasPrefix(got, step.want) {
				t.Errorf("%s %s: %s", step.method, step.path, got)
			}
		}
		store := postgres.Backoffice{Pool: w.as}
		id, err := store.Apply(t.Context(), caller, []backoffice.Change{change(kind, of.good, "")})
		if err != nil {
			t.Errorf("admin: %s: %v", kind, err)
			continue
		}
		if _, _, err := store.List(t.Context(), caller, subject(kind), backoffice.Query{Page: 1, Size: 10}); err != nil {
			t.Errorf("admin: list of %s: %v", kind, err)
		}
		if _, err := store.Act(t.Context(), caller, subject(kind), "delete", []string{id}); err != nil {
			t.Errorf("admin: delete %s %s: %v", kind, id, err)
		}
		if of.model == "" {
			continue // in no fixture
		}
		// Loaded beside, or over, what is there.
		if report := w.load(t, kind, of.good, map[bool]string{true: node2[:35] + "8", false: "77"}[kind == "node"]); report.LeftOut() != 0 {
			t.Errorf("loaddata of %s: %+v", kind, report.Problems)
		}
	}
}

// Samples come by files and by being parked, and are read, judged, dumped and moved.
func TestSamplesOnTheSchemaOfTomorrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, tomorrow.SQL)
	w.exec(t, "UPDATE installation SET is_public = true")
	at := time.Now().Add(-time.Hour).Unix()
	rows := []string{}
	for _, node := range []string{node1, node2[:35] + "9"} {
		rows = append(rows, fmt.Sprintf(`{"model":"core.sample","pk":null,"fields":{"node":%q,"timestamp_s":%d,"co2_ppm":500}}`, node, at))
	}
	load := func(text string) *fixture.Report {
		t.Helper()
		loader := moving.Loader{Pool: w.as, Now: time.Now}
		report, err := loader.Load(t.Context(), fixture.Objects(fixture.Source{Name: "test", Reader: strings.NewReader(text)}))
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if s := load("[" + strings.Join(rows, ",") + "]").Samples; s.Stored != 1 || s.Parked != 1 {
		t.Errorf("%+v, want one stored and one parked", s)
	}
	registered := maps.Clone(kinds["node"].good)
	registered["eui64"] = "9876B600000000C0"
	if report := w.load(t, "node", registered, node2[:35]+"9"); report.LeftOut() != 0 {
		t.Errorf("%+v", report.Problems)
	}
	var n int
	if err := w.pool.QueryRow(t.Context(), "SELECT count(*) FROM sample").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d samples, %v; want 2, one of them adopted", n, err)
	}
	for _, path := range []string{
		"installations/1/?include_timeseries=1", "nodes/" + node1 + "/?include_timeseries=1", "rooms/1/airquality/?include_days=1",
		"installations/1/?include_timeseries=1&resolution=1h", "installations/1/?include_timeseries=1&resolution=1d",
	} {
		if got := w.request(t, http.MethodGet, path, "", ""); !strings.HasPrefix(got, "200 ") {
			t.Errorf("%s: %s", path, got)
		}
	}
	models, err := fixture.Select(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var dump bytes.Buffer
	if err := moving.Dump(t.Context(), w.as, fixture.NewWriter(&dump, fixture.JSON, 0), models); err != nil || !json.Valid(dump.Bytes()) {
		t.Errorf("dump: %v", err)
	}
	if report := load(dump.String()); report.LeftOut() != 0 || report.Samples.Duplicate != 2 {
		t.Errorf("loading the dump: %+v", report)
	}
	if _, err := postgres.NewIdentity(w.as).ClearExpired(t.Context(), time.Now()); err != nil {
		t.Error(err)
	}
	if _, err := (postgres.Fidelity{Pool: w.as}).Check(t.Context(), time.Now()); err != nil {
		t.Error(err)
	}
	if _, err := (postgres.Backoffice{Pool: w.as}).ClaimCode(t.Context(), caller, claim.Request{EUI64: "9876B600000000D0"}); err != nil {
		t.Error(err)
	}
	if broken, err := postgres.Broken(t.Context(), w.as); err != nil || len(broken) > 0 {
		t.Errorf("%v, %v", broken, err)
	}
}

func TestTheMoveIntoTheSchemaOfTomorrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, tomorrow.SQL)
	_, source := djangotest.New(t, 20)
	im := moving.Importer{Loader: moving.Loader{Pool: w.as, Now: time.Now}, Source: source, Jobs: 1}
	report, err := im.Import(t.Context())
	if err != nil || report.Samples.Read == 0 || report.Differing > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}
