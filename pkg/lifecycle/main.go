package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/logging"
	"github.com/clairberlin/clair-stack/pkg/ops"
)

// Version is the commit a binary was built from; the build sets it with
// -ldflags "-X github.com/clairberlin/clair-stack/pkg/lifecycle.Version=...".
var Version = "development"

func init() { ops.Version = Version }

// Exit codes of Main.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
)

// Service is a program without subcommands of its own.
type Service struct {
	Name    string // as in logs, for example "ingestair"
	Summary string // half a sentence for --help: "keeps samples in PostgreSQL"
	// Config lists pointers to the structs that Run loads, for --help only.
	Config []any
	// Run works until ctx ends, and returns when nothing is in flight.
	Run func(ctx context.Context, log *slog.Logger, env config.Env) error
}

// Main runs a service and returns its exit code. Without arguments it works
// until SIGTERM or SIGINT; a second signal ends it at once. The arguments
// --help, version and healthcheck are understood too.
func Main(s Service) int {
	return s.main(os.Args[1:], config.FromOS(), os.Stdout, os.Stderr)
}

func (s Service) main(args []string, env config.Env, stdout, stderr io.Writer) int {
	var err error
	switch {
	case len(args) == 0:
		return s.serve(env, stderr)
	case len(args) > 1:
		err = fmt.Errorf("too many arguments: %q", args[1:])
	case args[0] == "-h" || args[0] == "--help" || args[0] == "help":
		s.help(stdout)
		return ExitOK
	case args[0] == "version" || args[0] == "--version":
		_, _ = fmt.Fprintln(stdout, s.Name, Version)
		return ExitOK
	case args[0] == "healthcheck":
		if err := HealthCheck(context.Background(), env); err != nil {
			_, _ = fmt.Fprintln(stderr, err)
			return ExitFailure
		}
		return ExitOK
	default:
		err = fmt.Errorf("unknown argument %q", args[0])
	}
	_, _ = fmt.Fprintf(stderr, "%s: %v; see %s --help\n", s.Name, err, s.Name)
	return ExitUsage
}

func (s Service) serve(env config.Env, stderr io.Writer) int {
	LimitMemory()
	log, err := Logger(env, s.Name, stderr)
	if err == nil {
		err = s.runUntilSignal(log, env)
	}
	if err != nil {
		log.Error("stopped", "err", err)
		return ExitFailure
	}
	return ExitOK
}

func (s Service) runUntilSignal(log *slog.Logger, env config.Env) error {
	ctx, stop := SignalContext()
	defer stop()
	log.InfoContext(ctx, "starting", "version", Version)
	if err := s.Run(ctx, log, env); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	log.InfoContext(ctx, "stopped")
	return nil
}

func (s Service) help(w io.Writer) {
	_, _ = fmt.Fprintf(w, `%s %s

Usage:
  %[1]s              work until SIGTERM
  %[1]s version      print the commit it was built from
  %[1]s healthcheck  ask the running service whether it is well
  %[1]s --help

Settings come from the environment. Each NAME can be given as NAME_FILE, the
path of a file that holds the value.

`, s.Name, s.Summary)
	configs := append(s.Config, &logging.Config{}, &ops.Config{})
	WriteVariables(w, configs...)
}

// WriteVariables writes a table of the variables that the structs (pointers)
// are filled from.
func WriteVariables(w io.Writer, configs ...any) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	seen := map[string]bool{}
	for _, v := range config.Describe(configs...) {
		if seen[v.Name] { // in more than one struct
			continue
		}
		seen[v.Name] = true
		fallback := "default " + v.Default
		switch {
		case v.Required:
			fallback = "required"
		case v.Default == "":
			fallback = "optional"
		}
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", v.Name, fallback, v.Description)
	}
	_ = table.Flush()
}

// Logger returns the logger that the environment asks for. It is usable also
// when the error is not nil.
func Logger(env config.Env, service string, w io.Writer) (*slog.Logger, error) {
	var cfg logging.Config
	err := env.Load(&cfg)
	return logging.New(w, service, cfg), err
}

// SignalContext returns a context that ends at the first SIGINT or SIGTERM. A
// second signal ends the process at once.
func SignalContext() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// HealthCheck asks the service that runs with the same environment whether it
// is well. It is the health check of a container without a shell.
func HealthCheck(ctx context.Context, env config.Env) error {
	var cfg ops.Config
	if err := env.Load(&cfg); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	url, err := cfg.HealthURL()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		return fmt.Errorf("health check: %s: %s", resp.Status, body)
	}
	return nil
}
