// Package story follows recorded uplinks through the whole stack, as it is
// installed: a broker with TLS and passwords, both forwarders, the ingestair, the
// database, and back out of managair's HTTP API.
package story

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/inventory"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

const (
	clairchenNode lorawan.EUI64 = 0x9876B600001193E0
	ersNode       lorawan.EUI64 = 0xA81758FFFE0536D1
)

// sample is a sample as clients read it. Decimals are strings there.
type sample struct {
	TimestampS         int64   `json:"timestamp_s"`
	CO2PPM             int     `json:"co2_ppm"`
	TemperatureCelsius *string `json:"temperature_celsius"`
	RelHumidityPercent *int    `json:"rel_humidity_percent"`
}

func measured(timestampS int64, co2PPM int, temperature string, humidity int) sample {
	return sample{timestampS, co2PPM, &temperature, &humidity}
}

// The recorded uplinks, and the samples that are in them. Those of Clairchen are
// counted back from the reception by the data rate's interval, 178 s at SF9; those
// of ERS by that of the number of samples, 326 s for two.
var recorded = []struct {
	application, file string
	node              lorawan.EUI64
	samples           []sample
}{
	{"clairchen", "clairchen-falling", clairchenNode, []sample{
		measured(1598966251-356, 540, "28.0", 50),
		measured(1598966251-178, 520, "28.0", 50),
		measured(1598966251, 500, "28.0", 40),
	}},
	{"clairchen", "clairchen-three-samples", clairchenNode, []sample{
		measured(1632140397, 780, "22.0", 50),
		measured(1632140575, 800, "22.0", 50),
		measured(1632140753, 800, "22.0", 50),
	}},
	{"ers", "ers-with-light-and-motion", ersNode, []sample{
		measured(1632207610, 776, "22.6", 41),
	}},
	{"ers", "ers-two-samples", ersNode, []sample{
		measured(1632208252-326, 1023, "20.6", 96),
		measured(1632208252, 1018, "20.5", 80),
	}},
}

// What is wrong must be kept, and must not keep the rest from arriving. An uplink without
// CO2 is not wrong: it tells that its node is there. One whose clock cannot be right has the
// time of its arrival.
var broken = []struct{ application, file string }{
	{"clairchen", "clairchen-cut-short"},
	{"clairchen", "clairchen-other-port"},
	{"ers", "ers-without-co2"},
	{"clairchen", "clairchen-from-the-future"},
}

func TestUplinksBecomeAnswers(t *testing.T) {
	t.Parallel()
	s := installation{stacktest.Start(t, stacktest.Options{})}
	network := s.NetworkServer(t)

	// Nodes that nobody registered yet are not turned away.
	publishAll(t, network)
	stacktest.Eventually(t, "kept before registration", "0 sample, 12 parked, 0 rejected, 3 undecoded", s.counts(t))

	metric := func(service *server.Server, series string) func() string {
		return func() string {
			m, err := stack.ReadMetrics(t.Context(), service)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(m[series])
		}
	}

	ids := s.Load(t, &museum)
	const kept = "12 sample, 0 parked, 0 rejected, 3 undecoded"
	stacktest.Eventually(t, "kept after registration", kept, s.counts(t))
	first := s.series(t, ids)
	want := map[lorawan.EUI64][]sample{}
	for _, r := range recorded {
		want[r.node] = append(want[r.node], r.samples...)
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("time series (-want +got):\n%s", diff)
	}

	// Everything comes twice in this trade.
	publishAll(t, network)
	stacktest.Eventually(t, "recognized as repeated", "12", metric(s.Ingestair, `ingestair_samples_total{outcome="duplicate"}`))
	if got := s.counts(t)(); got != kept {
		t.Errorf("after repetition: %s, want %s", got, kept)
	}
	if diff := cmp.Diff(first, s.series(t, ids)); diff != "" {
		t.Errorf("time series after repetition (-first +second):\n%s", diff)
	}

	for name, room := range ids.Rooms {
		status, body := s.Get(t, fmt.Sprintf("/api/v1/rooms/%d/", room))
		var document struct {
			Data struct{ Attributes struct{ Name string } }
		}
		if err := json.Unmarshal(body, &document); err != nil || status != http.StatusOK {
			t.Fatalf("room %s: status %d, %v\n%s", name, status, err, body)
		}
		if got := document.Data.Attributes.Name; got != name {
			t.Errorf("room %d is called %q, want %q", room, got, name)
		}
	}
}

var museum = inventory.Organization{
	Name:    "Museum",
	Members: []inventory.User{{Username: "olga", Email: "olga@example.org", Password: "secret", Role: "O"}},
	Sites: []inventory.Site{{
		Name: "House at the park", Street: "Parkweg 1", Zip: "10115", City: "Berlin", Rooms: []inventory.Room{
			{Name: "Hall", SizeSqm: 120, HeightM: 5, MaxOccupancy: 80, Nodes: []inventory.Node{{
				DevEUI: clairchenNode, Protocol: "CLAIRCHEN", Model: inventory.Clairchen, Alias: "hall",
				From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Public: true,
			}}},
			{Name: "Workshop", SizeSqm: 30, HeightM: 3, MaxOccupancy: 8, Nodes: []inventory.Node{{
				DevEUI: ersNode, Protocol: "ELSYSERS", Model: inventory.ERSCO2, Alias: "workshop",
				From: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC), Public: true,
			}}},
		},
	}},
}

func publishAll(t *testing.T, network mqtt.Client) {
	t.Helper()
	publish := func(application, device string, uplink []byte) {
		app := ttn.Application{ID: application, Tenant: stack.Tenant}
		stacktest.Publish(t, network, app.UplinkTopic(device), uplink)
	}
	fromFile := func(application, name string) {
		uplink, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		publish(application, "a-device", uplink)
	}
	publish("clairchen", "a-device", []byte("{this is no JSON"))
	for _, b := range broken {
		fromFile(b.application, b.file)
	}
	for _, r := range recorded {
		fromFile(r.application, r.file)
	}
}

type installation struct{ *stacktest.Stack }

// counts tells what the database keeps.
func (s installation) counts(t *testing.T) func() string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return func() string {
		const sql = `
			SELECT format('%s sample, %s parked, %s rejected, %s undecoded', (SELECT count(*) FROM sample),
				(SELECT count(*) FROM parked_sample), (SELECT count(*) FROM rejected_sample),
				(SELECT count(*) FROM undecoded_uplink))`
		var counts string
		if err := conn.QueryRow(t.Context(), sql).Scan(&counts); err != nil {
			t.Fatal(err)
		}
		return counts
	}
}

// recordedUntil is later than all that was recorded, and earlier than what is measured by arrival.
var recordedUntil = time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)

// series reads what was recorded of each node, as the public does.
func (s installation) series(t *testing.T, ids inventory.IDs) map[lorawan.EUI64][]sample {
	t.Helper()
	all := map[lorawan.EUI64][]sample{}
	for eui, id := range ids.Installations {
		path := fmt.Sprintf("/api/v1/installations/%d/?include_timeseries=1&filter[from]=0&filter[to]=%d", id, recordedUntil.Unix())
		status, body := s.Get(t, path)
		var document struct {
			Data struct{ Attributes struct{ Timeseries []sample } }
		}
		if err := json.Unmarshal(body, &document); err != nil || status != http.StatusOK {
			t.Fatalf("GET %s: status %d, %v\n%s", path, status, err, body)
		}
		all[eui] = document.Data.Attributes.Timeseries
	}
	return all
}
