package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/process"
)

// ServiceOptions describe a service of this house.
type ServiceOptions struct {
	Name string   // as in messages
	Path string   // of the binary
	Args []string // for example the subcommand
	// Env are its settings, NAME=value. OPS_ADDRESS is added; of our own
	// environment it sees only what every program needs.
	Env []string
	// MoreEnv, if set, is asked at each start for what is known only then.
	MoreEnv func() []string
	LogFile string
}

// NewService prepares a service; Start starts it. Its Port is the operations
// port, by which it is known to be ready.
func NewService(o ServiceOptions) *Server {
	s := &Server{name: o.Name}
	s.command = func() (process.Spec, error) {
		env := []string{"OPS_ADDRESS=" + s.Address()}
		for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ", "LANG"} {
			if value, ok := os.LookupEnv(name); ok {
				env = append(env, name+"="+value)
			}
		}
		env = append(env, o.Env...)
		if o.MoreEnv != nil {
			env = append(env, o.MoreEnv()...)
		}
		return process.Spec{Name: o.Name, Path: o.Path, Args: o.Args, Env: env, LogFile: o.LogFile}, nil
	}
	s.probe = func(ctx context.Context) error { return ready(ctx, "http://"+s.Address()+"/readyz") }
	return s
}

func ready(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		const enough = 1 << 10
		reason, _ := io.ReadAll(io.LimitReader(resp.Body, enough))
		return fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(reason)))
	}
	return nil
}
