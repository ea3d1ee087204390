// Command lorawan-forwarder hands what the sensors of any make measure to the ingestair.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/codec/mapping"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/forwarder"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
)

const name = "lorawan-forwarder"

// settings are those of the sensors.
type settings struct {
	MappingsFolder string `env:"MAPPINGS_FOLDER" desc:"folder with mappings (*.json) beside those that come with the service; its mappings.json may hold several, and says by what single devices and profiles are read"`
}

func main() {
	os.Exit(lifecycle.Main(lifecycle.Service{
		Name:    name,
		Summary: "hands what the sensors of any make measure to the ingestair",
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
	set, err := mapping.Load(sensors.MappingsFolder)
	if err != nil {
		return fmt.Errorf("MAPPINGS_FOLDER: %w", err)
	}
	// Elsewhere another codec makes other nodes; here all are of one name.
	for profile, codec := range cfg.CodecByProfile {
		set.Assign(profile, codec)
	}
	cfg.CodecByProfile = nil
	sensor, err := catalog.ForSensors(set)
	if err != nil {
		return fmt.Errorf("MAPPINGS_FOLDER, CODEC_BY_PROFILE: %w", err)
	}
	log.InfoContext(ctx, "mappings read", "count", len(set.Names()))
	return forwarder.Run(ctx, log, name, cfg, sensor)
}
