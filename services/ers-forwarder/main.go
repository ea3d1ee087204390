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

// settings are those of the sensors.
type settings struct {
	FPort uint8 `env:"ERS_F_PORT" envDefault:"5" desc:"frame port on which the sensors send measurements"`
}

func main() {
	os.Exit(lifecycle.Main(lifecycle.Service{
		Name:    name,
		Summary: "hands the samples in Elsys ERS uplinks to the ingestair",
		Config:  []any{&forwarder.Config{}, &settings{}},
		Run:     run,
	}))
}

func run(ctx context.Context, log *slog.Logger, env config.Env) error {
	var cfg forwarder.Config
	var sensors settings
	if err := env.Load(&cfg, &sensors); err != nil {
		return err
	}
	return forwarder.Run(ctx, log, name, cfg, elsys.Decoder{FPort: sensors.FPort})
}
