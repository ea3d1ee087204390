// Command ers-forwarder hands the samples in Elsys ERS uplinks to the ingestair.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/forwarder"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
)

const name = "ers-forwarder"

func main() {
	os.Exit(lifecycle.Main(lifecycle.Service{
		Name:    name,
		Summary: "hands the samples in Elsys ERS uplinks to the ingestair",
		Config:  []any{&forwarder.Config{}},
		Run:     run,
	}))
}

func run(ctx context.Context, log *slog.Logger, env config.Env) error {
	var cfg forwarder.Config
	if err := env.Load(&cfg); err != nil {
		return err
	}
	return forwarder.Run(ctx, log, name, cfg, elsys.Decoder{})
}
