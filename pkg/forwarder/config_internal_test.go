package forwarder

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
)

func TestIdentityURL(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"eu1.cloud.thethings.network":              "https://eu1.cloud.thethings.network",
		"nam1.cloud.thethings.network":             "https://eu1.cloud.thethings.network",
		"school.au1.cloud.thethings.industries":    "https://school.eu1.cloud.thethings.industries",
		"tts.example.org":                          "https://tts.example.org",
		"nam1.cloud.thethings.network.example.org": "https://nam1.cloud.thethings.network.example.org",
	} {
		if got := (TTSConfig{Host: host}).identityURL(); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
}

// The Storage Integration is searched by default where there is one.
func TestStorageByDefault(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		env  config.Env
		want time.Duration
	}{
		{"public network", config.Env{}, 5 * time.Minute},
		{"the Cloud", config.Env{"TTS_HOST": "school.eu1.cloud.thethings.industries", "TTS_TENANT": "school"}, 5 * time.Minute},
		{"no tenant", config.Env{"TTS_TENANT": "-", "MQTT_URL": "ssl://tts.example.org:8883"}, 0},
		{"own host", config.Env{"TTS_HOST": "tts.example.org"}, 0},
		{"own host that has it", config.Env{"TTS_HOST": "tts.example.org", "STORAGE_SWEEP_INTERVAL": "10m"}, 10 * time.Minute},
		{"its address is given", config.Env{"TTS_HOST": "tts.example.org", "STORAGE_URL": "https://tts.example.org"}, 5 * time.Minute},
		{"never", config.Env{"STORAGE_SWEEP_INTERVAL": "0"}, 0},
		{"ChirpStack", config.Env{"NETWORK_SERVER": "chirpstack", "MQTT_URL": "tcp://broker:1883"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.env["INGEST_TOKEN"], tt.env["TTS_APPLICATION"] = "a-token-for-tests-only", "clair"
			var cfg Config
			if err := tt.env.Load(&cfg); err != nil {
				t.Fatal(err)
			}
			if got := cfg.sweepInterval(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
