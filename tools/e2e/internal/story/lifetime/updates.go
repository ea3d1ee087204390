package lifetime

import (
	"context"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/pkg/schema/tomorrow"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
)

// scaleIngestair starts more tasks.
func (s *lifetime) scaleIngestair(ctx context.Context) error {
	begun := time.Now()
	if err := s.stack.Scale(ctx, "ingestair", 3); err != nil {
		return err
	}
	err := s.stack.AwaitWell(ctx)
	s.stack.Report("ingestair from 1 task to 3", "%.0f s", time.Since(begun).Seconds())
	return err
}

func (s *lifetime) updateManagair(ctx context.Context) error {
	return s.update(ctx, []update{
		{"managair_server", "managair"},
		{"managair_worker", "managair"},
		{"static_frontend", "static-frontend"},
	})
}

func (s *lifetime) updateIngestion(ctx context.Context) error {
	err := s.update(ctx, []update{
		{"ingestair", "ingestair"},
		{"clairchen_forwarder", "clairchen-forwarder"},
		{"ers_forwarder", "ers-forwarder"},
	})
	if err != nil {
		return err
	}
	// Each task has served: the callers' connections found all of them.
	return play.Until(ctx, func() error {
		n, err := s.stack.SQL(ctx, "SELECT count(DISTINCT client_addr) FROM pg_stat_activity WHERE application_name = 'ingestair'")
		if err == nil && n != "3" {
			err = fmt.Errorf("%s of 3 tasks of ingestair have database connections", n)
		}
		return err
	})
}

type update struct{ service, image string }

func (s *lifetime) update(ctx context.Context, updates []update) error {
	for _, u := range updates {
		begun := time.Now()
		if _, err := s.stack.Tool(ctx, "update-services.sh", u.service, stack.Registry+"/"+u.image+":two"); err != nil {
			return err
		}
		s.stack.Report("rolling update of "+u.service, "%.0f s", time.Since(begun).Seconds())
	}
	return nil
}

func (s *lifetime) rollBack(ctx context.Context) error {
	begun := time.Now()
	_, err := s.stack.Tool(ctx, "update-services.sh", "managair_server", stack.Registry+"/managair:broken")
	const rolledBack = 5
	if swarm.ExitCode(err) != rolledBack {
		return fmt.Errorf("update to a broken image: got %w, want exit status %d", err, rolledBack)
	}
	s.stack.Report("broken image: until the old version is back", "%.0f s", time.Since(begun).Seconds())
	image, err := s.stack.Docker(ctx, "service", "inspect", "--format", "{{.Spec.TaskTemplate.ContainerSpec.Image}}", stack.Name+"_managair_server")
	if err == nil && image != stack.Registry+"/managair:two" {
		err = fmt.Errorf("runs %s after the roll-back", image)
	}
	return err
}

// expandSchema does to the schema what versions to come may do while this one runs:
// every table gets another column, one after the other, and the list of migrations one
// that this version does not know. Then this version is deployed once more, and has
// nothing to do.
func (s *lifetime) expandSchema(ctx context.Context) error {
	_, err := s.stack.SQL(ctx, tomorrow.SQL)
	if err != nil {
		return err
	}
	return s.stack.DeployUnchanged(ctx)
}
