package forwarder

import "testing"

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
