// Package djangotest makes databases of the predecessor for tests: its tables,
// one organization with nodes, and any number of samples.
package djangotest

import (
	_ "embed"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
)

//go:embed predecessor.sql
var tables string

// Nodes is how many nodes there are. Samples are theirs in turn.
const Nodes = 20

// New returns a connection to, and the connection string of, a database with n
// samples, which is dropped after the test.
func New(t testing.TB, n int) (*pgx.Conn, string) {
	t.Helper()
	url := pgtest.Empty(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	if _, err := conn.Exec(t.Context(), tables); err != nil {
		t.Fatal(err)
	}
	AddSamples(t, conn, 0, n)
	return conn, url
}

// AddSamples adds the samples from to from+n-1 of an endless row of them.
func AddSamples(t testing.TB, conn *pgx.Conn, from, n int) {
	t.Helper()
	_, err := conn.Exec(t.Context(), `
		INSERT INTO core_sample (timestamp_s, co2_ppm, temperature_celsius, rel_humidity_percent, measurement_status, node_id)
		SELECT 1600000000 + i / $3 * 180, 400 + i % 1000, CASE WHEN i % 7 > 0 THEN (i % 600 - 200) / 10.0 END, nullif(i % 101, 0), 'M',
		       ('00000000-0000-4000-8000-' || lpad((i % $3 + 1)::text, 12, '0'))::uuid
		  FROM generate_series($1::int, $2::int) i`, from, from+n-1, Nodes)
	if err != nil {
		t.Fatal(err)
	}
}
