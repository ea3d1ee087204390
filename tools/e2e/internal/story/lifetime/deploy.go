package lifetime

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
)

// refuse calls tools as one should not, before there is anything to break.
func (s *lifetime) refuse(ctx context.Context) error {
	elsewhere := filepath.Join(s.setting.Work, "elsewhere.env")
	text := "DOCKER_CONTEXT=elsewhere\nCLAIR_DOMAIN=elsewhere.test\nDOCKER_STACK_DEPLOY_ARGS='-c compose/docker-compose.yml'\n"
	if err := os.WriteFile(elsewhere, []byte(text), 0o600); err != nil {
		return err
	}
	for _, c := range []struct {
		why  string
		args []string
		code int
	}{
		{"another context, and nobody to ask", []string{"tools/rm-stack.sh", elsewhere}, 3},
		{"data would be lost, and nobody to ask", []string{"tools/rm-stack.sh", environment, "--volumes"}, 3},
		{"there is no such environment", []string{"tools/status.sh", "nowhere"}, 2},
		{"without an environment", []string{"tools/deploy-stack.sh"}, 2},
		{"secrets are missing", []string{"tools/deploy-stack.sh", environment}, 1},
		{"help is no mistake", []string{"tools/deploy-stack.sh", "--help"}, 0},
	} {
		_, err := s.stack.Shell.RunWith(ctx, nil, []string{"CLAIR_SECRETS=" + s.stack.Secrets}, c.args...)
		if code := swarm.ExitCode(err); code != c.code {
			return fmt.Errorf("%s: %s ended with %d, want %d: %w", c.why, strings.Join(c.args, " "), code, c.code, err)
		}
	}
	return nil
}

func (s *lifetime) deployAgain(ctx context.Context) error {
	begun := time.Now()
	if err := s.stack.DeployUnchanged(ctx); err != nil {
		return err
	}
	s.stack.Report("deployment without a change", "%.0f s", time.Since(begun).Seconds())
	memory, err := s.memory(ctx)
	if err != nil {
		return err
	}
	s.stack.Report("memory of our services when idle", "%.0f MB", memory)
	return nil
}

// memory returns the megabytes that our own services take.
func (s *lifetime) memory(ctx context.Context) (sum float64, err error) {
	out, err := s.stack.Docker(ctx, "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.ContainsFunc([]string{"managair", "ingestair", "forwarder"}, func(name string) bool {
			return strings.Contains(fields[0], name)
		}) {
			continue
		}
		number, factor := strings.TrimSuffix(fields[1], "MiB"), 1.048576
		if n, ok := strings.CutSuffix(fields[1], "GiB"); ok {
			number, factor = n, 1073.741824
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, fmt.Errorf("memory %q: %w", line, err)
		}
		sum += n * factor
	}
	return sum, nil
}

// readAPI waits until a public page is there.
func (s *lifetime) readAPI(ctx context.Context) error {
	ask := load.AskProxy()
	return play.Until(ctx, func() error { return ask(ctx) })
}
