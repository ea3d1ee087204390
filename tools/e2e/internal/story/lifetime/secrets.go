package lifetime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
)

func (s *lifetime) rotateToken(ctx context.Context) error {
	if err := s.load.StartUplinks(ctx); err != nil {
		return err
	}
	begun := time.Now()
	if _, err := s.stack.Tool(ctx, "rotate-secret.sh", "ingest_token"); err != nil {
		return err
	}
	s.stack.Report("rotation of the ingestion token", "%.0f s", time.Since(begun).Seconds())
	return s.load.CheckUplinks(ctx, "the rotation")
}

// rotateServicePassword changes what the ingestair logs in to the database with. That it
// does so with the new one shows when the database is killed.
func (s *lifetime) rotateServicePassword(ctx context.Context) error {
	return s.rotateDatabasePassword(ctx, "db_ingestair")
}

// rotateOwnerPassword changes the password of the owner of the database, whom the tools are.
func (s *lifetime) rotateOwnerPassword(ctx context.Context) error {
	return s.rotateDatabasePassword(ctx, "db_password")
}

// rotateDatabasePassword changes a password of the database under load, and restarts no
// database: nobody notices.
func (s *lifetime) rotateDatabasePassword(ctx context.Context, name string) error {
	if err := s.load.StartUplinks(ctx); err != nil {
		return err
	}
	before, err := s.stack.Container(ctx, "db")
	if err != nil {
		return err
	}
	s.load.Requests = load.StartRequests(context.WithoutCancel(ctx), load.AskProxy())
	begun := time.Now()
	_, err = s.stack.Tool(ctx, "rotate-secret.sh", name)
	took := time.Since(begun)
	if err == nil {
		err = s.stack.DeployUnchanged(ctx)
	}
	failed := s.load.EndRequests("during the rotation of "+name, "")
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	s.stack.Report("rotation of "+name, "%.0f s", took.Seconds())
	after, err := s.stack.Container(ctx, "db")
	if err == nil && after != before {
		err = errors.New("the database was restarted")
	}
	return errors.Join(err, s.load.CheckUplinks(ctx, "the rotation of "+name))
}

// checkRoles looks who is logged in to the database.
func (s *lifetime) checkRoles(ctx context.Context) error {
	return play.Until(ctx, func() error {
		who, err := s.stack.SQL(ctx, "SELECT string_agg(DISTINCT usename::text, ' ' ORDER BY usename::text) FROM pg_stat_activity WHERE client_addr IS NOT NULL")
		if err == nil && who != "clair_ingestair clair_managair" && who != "clair_exporter clair_ingestair clair_managair" {
			err = fmt.Errorf("logged in to the database are: %s", who)
		}
		return err
	})
}
