package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/ops"
)

func TestMainsManners(t *testing.T) {
	t.Parallel()
	type settings struct {
		Size int `env:"SIZE" envDefault:"3" desc:"size of a thing"`
	}
	service := Service{
		Name: "tester", Summary: "tests", Config: []any{&settings{}},
		Run: func(_ context.Context, _ *slog.Logger, env config.Env) error {
			return env.Load(&settings{})
		},
	}
	for _, tt := range []struct {
		name           string
		args           []string
		env            config.Env
		code           int
		stdout, stderr string // parts of it
	}{
		{"help lists the variables", []string{"--help"}, nil, ExitOK, "SIZE         default 3      size of a thing", ""},
		{"short help", []string{"-h"}, nil, ExitOK, "tester tests", ""},
		{"version", []string{"version"}, nil, ExitOK, "tester " + Version, ""},
		{"unknown argument", []string{"serv"}, nil, ExitUsage, "", `unknown argument "serv"; see tester --help`},
		{"too many arguments", []string{"version", "please"}, nil, ExitUsage, "", "too many arguments"},
		{"it runs", nil, nil, ExitOK, "", "stopped"},
		{"bad settings", nil, config.Env{"SIZE": "big"}, ExitFailure, "", "SIZE: "},
		{"bad log settings", nil, config.Env{"LOG_LEVEL": "LOUD"}, ExitFailure, "", "LOG_LEVEL: "},
		{"health of nobody", []string{"healthcheck"}, config.Env{"OPS_ADDRESS": "127.0.0.1:1"}, ExitFailure, "", "health check"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if code := service.main(tt.args, tt.env, &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if !strings.Contains(stdout.String(), tt.stdout) {
				t.Errorf("stdout %q lacks %q", stdout.String(), tt.stdout)
			}
			if !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("stderr %q lacks %q", stderr.String(), tt.stderr)
			}
		})
	}
}

func TestHealthCheckAsksTheRunningService(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := ops.New()
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, log, time.Minute, HTTP("operations", o.Server(log), listener)) }()
	env := config.Env{"OPS_ADDRESS": listener.Addr().String()}
	if err := HealthCheck(ctx, env); err == nil || !strings.Contains(err.Error(), "starting") {
		t.Errorf("before the start: %v, want that it is starting", err)
	}
	o.SetStarted()
	o.AddCheck("database", func(context.Context) error { return errors.New("away") })
	if err := HealthCheck(ctx, env); err != nil {
		t.Errorf("a dependency that is away must not restart the service: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stop: %v", err)
	}
}
