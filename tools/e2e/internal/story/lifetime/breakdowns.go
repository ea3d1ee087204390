package lifetime

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
)

// What breaks by itself, and what is said of it.

// killDatabase kills the database under load.
func (s *lifetime) killDatabase(ctx context.Context) error {
	if err := s.load.Calls.Start(ctx); err != nil {
		return err
	}
	if err := s.load.StartUplinks(ctx); err != nil {
		return err
	}
	db, err := s.stack.Container(ctx, "db")
	if err != nil {
		return err
	}
	begun := time.Now()
	if _, err := s.stack.Docker(ctx, "kill", "--signal", "KILL", db); err != nil {
		return err
	}
	if err := s.readAPI(ctx); err != nil {
		return err
	}
	if err := s.stack.AwaitWell(ctx); err != nil {
		return err
	}
	s.stack.Report("database killed: until all is well again", "%.0f s", time.Since(begun).Seconds())
	calls, err := s.load.Calls.Stop(ctx)
	if err != nil {
		return err
	}
	s.stack.Report("gRPC calls meanwhile", "%d, failed %d, retried %d", calls.Calls, calls.Failed, calls.Retried)
	return s.load.CheckUplinks(ctx, "the death of the database")
}

// refuseRedis lets Redis refuse everybody, as it does when its users are not those of
// the services' secrets. Nothing of the stack stops then, so it must be said.
func (s *lifetime) refuseRedis(ctx context.Context) error {
	for _, user := range []string{"managair", "worker", "clairchen_forwarder", "ers_forwarder"} {
		// It ends their connections, too.
		if _, err := s.stack.Redis(ctx, "ACL", "DELUSER", user); err != nil {
			return err
		}
	}
	out, err := s.stack.Tool(ctx, "status.sh")
	const notWell = 4
	if swarm.ExitCode(err) != notWell {
		return fmt.Errorf("status.sh ends with %d when Redis refuses, want %d: %w", swarm.ExitCode(err), notWell, err)
	}
	// Redis says why and hangs up; which of the two a client notices first is chance.
	for _, service := range []string{"managair", "worker", "clairchen_forwarder", "ers_forwarder"} {
		if !regexp.MustCompile(`(?m)^` + service + ` \S+ redis: `).MatchString(out) {
			return fmt.Errorf("status.sh does not say that Redis refuses %s:\n%s", service, out)
		}
	}
	if _, err := s.stack.Redis(ctx, "ACL", "LOAD"); err != nil {
		return err
	}
	return s.stack.AwaitWell(ctx)
}
