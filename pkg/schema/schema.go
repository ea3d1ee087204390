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
	"strconv"
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

// A migration that waits for a table keeps all who come after it from it, so it waits for a
// moment only, and tries again when they had their turn. A backup holds all tables until it is
// done. Patience ends before that of a deployment, to say why.
const (
	lockTimeout = 2 * time.Second
	betweenTry  = 5 * time.Second
	patience    = 8 * time.Minute
)

// Up applies what is pending and returns it. Concurrent calls, from other
// processes too, wait for each other.
func Up(ctx context.Context, log *slog.Logger, connString string) ([]Migration, error) {
	var applied []Migration
	err := withProvider(log, connString, func(p *goose.Provider) error {
		var waits time.Time // since when, for the same migration
		for n := 1; ; n++ {
			results, err := p.Up(ctx)
			if partial, ok := errors.AsType[*goose.PartialError](err); ok {
				results = partial.Applied
			}
			if len(results) > 0 {
				waits = time.Time{}
			}
			for _, r := range results {
				applied = append(applied, Migration{r.Source.Version, r.Source.Path, time.Now()})
			}
			switch {
			case pgdb.IsLockTimeout(err):
				if waits.IsZero() {
					waits = time.Now()
				}
				if time.Since(waits) > patience {
					return fmt.Errorf("somebody has a table for longer than %v, as a backup does (pg_stat_activity tells who); migrate again when they are done: %w", patience, err)
				}
				n--
				log.WarnContext(ctx, "somebody has a table that a migration needs; it is tried again in a moment", "err", err)
				if err := wait(ctx, betweenTry); err != nil {
					return err
				}
			case n < attempts && pgdb.IsContended(err):
				log.WarnContext(ctx, "a migration lost its tables to somebody else; it is begun again", "err", err)
			default:
				return err
			}
		}
	})
	if err != nil {
		return applied, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

// wait returns after a time, or with the error of a context that ends before.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
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
	db := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SELECT set_config('lock_timeout', $1, false)", strconv.FormatInt(lockTimeout.Milliseconds(), 10))
		return err
	}))
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
