// Package stack has a deployed stack, and what operators do with it by their tools.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
)

// What all environment files of the end-to-end tests say.
const (
	Domain   = "clair.test"
	Registry = "clair-e2e"
	Name     = "clair"
)

// The superuser that each story creates.
const (
	Superuser         = "root"
	SuperuserPassword = "correct horse battery staple"
)

// Local is the host of the proxy and of the other published ports, where there is one
// node.
const Local = "127.0.0.1"

// Stack is a stack on a swarm.
type Stack struct {
	Shell       *swarm.Shell
	Notes       *play.Notes
	Environment string // file that the tools are given, as seen from the tree
	Secrets     string
	Tree        string   // whose tools are used; empty: this one
	Flags       []string // of each tool
}

// Tool runs one of the tools with our environment file.
func (s *Stack) Tool(ctx context.Context, name string, args ...string) (string, error) {
	return s.ToolWith(ctx, nil, nil, name, args...)
}

// ToolWith is Tool with standard input and with more variables.
func (s *Stack) ToolWith(ctx context.Context, stdin io.Reader, env []string, name string, args ...string) (string, error) {
	command := slices.Concat([]string{filepath.Join(s.Tree, "tools", name), s.Environment}, s.Flags, args)
	return s.Shell.RunWith(ctx, stdin, append(env, "CLAIR_SECRETS="+s.Secrets), command...)
}

// Docker runs docker.
func (s *Stack) Docker(ctx context.Context, args ...string) (string, error) {
	return s.Shell.Docker(ctx, args...)
}

// Report notes a figure.
func (s *Stack) Report(name, format string, args ...any) { s.Notes.Report(name, format, args...) }

// Prepare makes secrets and volumes, those that are missing.
func (s *Stack) Prepare(ctx context.Context) error {
	for _, tool := range []string{"create-secrets.sh", "create-volumes.sh"} {
		if _, err := s.Tool(ctx, tool); err != nil {
			return err
		}
	}
	return nil
}

// Deploy deploys it for the first time.
func (s *Stack) Deploy(ctx context.Context) error {
	begun := time.Now()
	if _, err := s.Tool(ctx, "deploy-stack.sh", "--timeout", "240"); err != nil {
		return err
	}
	s.Report("first deployment until healthy, with migration", "%.0f s", time.Since(begun).Seconds())
	return nil
}

// DeployUnchanged deploys what is deployed already. Nothing may come of that.
func (s *Stack) DeployUnchanged(ctx context.Context) error {
	before, err := s.tasks(ctx)
	if err != nil {
		return err
	}
	if _, err := s.Tool(ctx, "deploy-stack.sh", "--timeout", "60"); err != nil {
		return err
	}
	after, err := s.tasks(ctx)
	if err != nil {
		return err
	}
	for _, id := range before {
		if !slices.Contains(after, id) {
			return fmt.Errorf("task %s was replaced", id)
		}
	}
	if len(after) != len(before) {
		return fmt.Errorf("%d tasks run, and %d before", len(after), len(before))
	}
	return nil
}

// CreateSuperuser makes an account for the administrator.
func (s *Stack) CreateSuperuser(ctx context.Context) error {
	_, err := s.ToolWith(ctx, nil, []string{"SUPERUSER_PASSWORD=" + SuperuserPassword},
		"manage.sh", "-y", "createsuperuser", "--noinput", "--username", Superuser, "--email", "root@"+Domain)
	return err
}

// Well returns what the tool says that is not well.
func (s *Stack) Well(ctx context.Context) error {
	_, err := s.Tool(ctx, "status.sh")
	return err
}

// AwaitWell waits until all is well.
func (s *Stack) AwaitWell(ctx context.Context) error {
	return play.Until(ctx, func() error { return s.Well(ctx) })
}

// Scale sets the number of a service's tasks, and does not wait.
func (s *Stack) Scale(ctx context.Context, service string, tasks int) error {
	_, err := s.Docker(ctx, "service", "scale", "--detach", fmt.Sprintf("%s_%s=%d", Name, service, tasks))
	return err
}

// Remove removes it and leaves its data.
func (s *Stack) Remove(ctx context.Context) error {
	_, err := s.Tool(ctx, "rm-stack.sh")
	return err
}

// Destroy removes it with its data.
func (s *Stack) Destroy(ctx context.Context) error {
	_, err := s.Tool(ctx, "rm-stack.sh", "--volumes", "-y")
	return err
}

// SQL returns what the database answers to a statement.
func (s *Stack) SQL(ctx context.Context, query string) (string, error) {
	db, err := s.Container(ctx, "db")
	if err != nil {
		return "", err
	}
	return s.Docker(ctx, "exec", db, "psql", "--no-align", "--tuples-only", "--username", "clair", "--dbname", "clair", "--command", query)
}

// Redis returns what Redis answers to its operator.
func (s *Stack) Redis(ctx context.Context, command ...string) (string, error) {
	container, err := s.Container(ctx, "redis")
	if err != nil {
		return "", err
	}
	const as = `REDISCLI_AUTH=$(cat /run/secrets/redis_default) redis-cli -e "$@"`
	return s.Docker(ctx, slices.Concat([]string{"exec", container, "sh", "-c", as, "redis-cli"}, command)...)
}

// Container returns the id of the only container of a service, on the node that the
// shell speaks to.
func (s *Stack) Container(ctx context.Context, service string) (string, error) {
	id, err := s.Docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+Name+"_"+service)
	if err == nil && id == "" {
		err = errors.New("no container of " + service + " runs")
	}
	return id, err
}

// Explain says how the stack is, when something has failed.
func (s *Stack) Explain(w io.Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, args := range [][]string{
		{"service", "ls"},
		{"stack", "ps", "--no-trunc", "--format", "{{.Name}} {{.Image}} {{.CurrentState}} {{.Error}}", Name},
	} {
		if out, err := s.Docker(ctx, args...); err == nil {
			_, _ = fmt.Fprintln(w, swarm.Tail(out, 40))
		}
	}
	services, _ := s.Docker(ctx, "service", "ls", "--format", "{{.Name}}")
	for name := range strings.FieldsSeq(services) {
		_, _ = s.Docker(ctx, "service", "logs", "--tail", "60", name) // into the log
	}
	_, _ = fmt.Fprintln(w, "everything in detail: artefacts/e2e/e2e.log")
}
