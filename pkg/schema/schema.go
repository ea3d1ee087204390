// Package schema holds the one and only set of database migrations.
//
// Migrations are numbered, embedded, and never edited once shipped. They follow
// expand, deploy, contract: yesterday's programs must run on today's schema.
package schema

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Files returns the migration files.
func Files() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // only an invalid path can fail
	}
	return sub
}

// Migration is one step and when it was applied.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time // zero: pending
}

// attempts bounds how often migrating is begun again because a migration and somebody who
// works on the database waited for each other's tables, and the migration was ended.
const attempts = 10

// Up applies what is pending and returns it. Concurrent calls, from other
// processes too, wait for each other.
func Up(ctx context.Context, log *slog.Logger, connString string) ([]Migration, error) {
	var applied []Migration
	err := withProvider(log, connString, func(p *goose.Provider) error {
		for n := 1; ; n++ {
			results, err := p.Up(ctx)
			if partial, ok := errors.AsType[*goose.PartialError](err); ok {
				results = partial.Applied
			}
			for _, r := range results {
				applied = append(applied, Migration{r.Source.Version, r.Source.Path, time.Now()})
			}
			if n == attempts || !pgdb.IsContended(err) {
				return err
			}
			log.WarnContext(ctx, "a migration lost its tables to somebody else; it is begun again", "err", err)
		}
	})
	if err != nil {
		return applied, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

// Status lists all migrations, the oldest first.
func Status(ctx context.Context, log *slog.Logger, connString string) ([]Migration, error) {
	var all []Migration
	err := withProvider(log, connString, func(p *goose.Provider) error {
		states, err := p.Status(ctx)
		for _, s := range states {
			all = append(all, Migration{s.Source.Version, s.Source.Path, s.AppliedAt})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	return all, nil
}

func withProvider(log *slog.Logger, connString string, do func(*goose.Provider) error) error {
	cfg, err := pgx.ParseConfig(connString)
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, Files(),
		goose.WithSessionLocker(locker), goose.WithSlog(log),
		// Branches land in another order than that of their numbers.
		goose.WithAllowOutofOrder(true))
	if err != nil {
		return err
	}
	return do(p)
}
