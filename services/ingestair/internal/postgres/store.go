// Package postgres keeps in PostgreSQL what comes in, and looks after it. Samples
// are written by package samplestore; here is the work that is not bound to a caller
// (roll-ups, purging, saving space), and what could not be decoded.
package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/samplestore"
)

// Store implements ingest.Store and ingest.Upkeep.
type Store struct {
	*samplestore.Store

	pool *pgxpool.Pool
}

// New returns a Store on a pool that samplestore.Configure has seen.
func New(pool *pgxpool.Pool) *Store { return &Store{samplestore.New(pool), pool} }
