package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// noon is a time in the past whose month has no partition yet.
var noon = time.Date(2025, 3, 14, 12, 0, 0, 0, time.UTC)

// world is a store that logs in as the ingestair does, and the owner's way to its database
// for what a test does itself.
type world struct {
	*Store

	pool *pgxpool.Pool
}

func newStore(t testing.TB) *world {
	t.Helper()
	owner := pgtest.URL(t)
	return &world{New(open(t, pgtest.RoleURL(t, schema.Ingestair, owner))), open(t, owner)}
}

func open(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgdb.Open(t.Context(), pgdb.Config{URL: config.NewSecret(url), MaxConns: 8}, "test", samplestore.Configure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// sample is a sample of a node, in a short form.
type sample struct {
	node int
	at   time.Time
	co2  int
}

// keep keeps samples and returns what became of each.
func keep(t testing.TB, s *world, samples ...sample) (outcomes []keeping.Outcome) {
	t.Helper()
	f := &keeping.Flush{At: noon.AddDate(0, 0, 1)}
	for i, s := range samples {
		f.Uplinks = append(f.Uplinks, &keeping.Uplink{NodeID: nodetest.ID(s.node)})
		f.Rows = append(f.Rows, keeping.Row{Sample: nodetest.Measured(s.at, s.co2), Uplink: int32(i)})
	}
	if err := s.Keep(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	for i := range f.Rows {
		outcomes = append(outcomes, f.Rows[i].Outcome)
	}
	return outcomes
}
