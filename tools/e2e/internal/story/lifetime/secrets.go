package lifetime

import (
	"context"
	"errors"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
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

// rotateDatabasePassword changes what all services log in to the database with. It
// restarts no database, and nobody notices. That the services log in with the new one
// shows when the database is killed.
func (s *lifetime) rotateDatabasePassword(ctx context.Context) error {
	if err := s.load.StartUplinks(ctx); err != nil {
		return err
	}
	before, err := s.stack.Container(ctx, "db")
	if err != nil {
		return err
	}
	s.load.Requests = load.StartRequests(context.WithoutCancel(ctx), load.AskProxy())
	begun := time.Now()
	_, err = s.stack.Tool(ctx, "rotate-secret.sh", "db_password")
	took := time.Since(begun)
	if err == nil {
		err = s.stack.DeployUnchanged(ctx)
	}
	failed := s.load.EndRequests("during the rotation of the database's password", "")
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	s.stack.Report("rotation of the database's password", "%.0f s", took.Seconds())
	after, err := s.stack.Container(ctx, "db")
	if err == nil && after != before {
		err = errors.New("the database was restarted")
	}
	return errors.Join(err, s.load.CheckUplinks(ctx, "the rotation of the database's password"))
}
