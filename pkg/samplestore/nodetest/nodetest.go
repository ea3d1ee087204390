// Package nodetest registers nodes for tests and reads what was stored for them.
package nodetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// Open returns a pool on a database, closed after the test.
func Open(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

const makeOwner = `
	WITH o AS (INSERT INTO organization (name) VALUES ('Test') ON CONFLICT DO NOTHING),
	     p AS (INSERT INTO node_protocol (identifier) VALUES ('TEST') ON CONFLICT DO NOTHING)
	INSERT INTO node_model (name, trade_name, manufacturer, sensor_type) VALUES ('Test', 'Test', 'Test', 'Test')
	    ON CONFLICT DO NOTHING`

const registerNode = `
	INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
	VALUES (@id, @eui64, @eui64, (SELECT id FROM node_protocol WHERE identifier = 'TEST'),
	        (SELECT id FROM node_model WHERE name = 'Test'), (SELECT id FROM organization WHERE name = 'Test'))`

// ID returns the id of a node that has the number as its EUI.
func ID(n int) uuid.UUID { return measurement.NodeID("TEST", lorawan.EUI64(n)) }

// Measured returns a sample with that much CO2. What else it has follows from that, so
// that samples with the same CO2 are the same, and some lack a quantity.
func Measured(at time.Time, co2 int) measurement.Sample {
	m := measurement.Sample{Time: at, CO2PPM: co2, Status: measurement.Measured}
	if co2%2 == 0 {
		m.TemperatureDecicelsius = measurement.Known(co2%600 - 200)
	}
	if co2%3 == 0 {
		m.RelHumidityPercent = measurement.Known(co2 % 100)
	}
	return m
}

// Register adds a node to the inventory.
func Register(t testing.TB, pool *pgxpool.Pool, id uuid.UUID, eui lorawan.EUI64) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), makeOwner); err != nil {
		t.Fatalf("make an owner of nodes: %v", err)
	}
	if _, err := pool.Exec(t.Context(), registerNode, pgx.NamedArgs{"id": id, "eui64": eui.String()}); err != nil {
		t.Fatalf("register node %v: %v", id, err)
	}
}

const allSamples = `
	SELECT n.id::text, concat_ws(' ', to_char(s.time AT TIME ZONE 'UTC', 'HH24:MI:SS'), s.co2_ppm,
	       coalesce(s.temperature_decicelsius::text, '-'), coalesce(s.rel_humidity_percent::text, '-'), s.status)
	  FROM sample s JOIN node n ON n.no = s.node_no
	 ORDER BY n.id, s.time`

// Samples returns what is stored: by node, in the order of time, the time of day
// and the values.
func Samples(t testing.TB, pool *pgxpool.Pool) map[string][]string {
	t.Helper()
	rows, err := pool.Query(t.Context(), allSamples)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	var id, sample string
	if _, err := pgx.ForEachRow(rows, []any{&id, &sample}, func() error {
		all[id] = append(all[id], sample)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}
