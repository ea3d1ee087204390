package catalog_test

import (
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
)

func TestForProtocol(t *testing.T) {
	t.Parallel()
	for identifier, want := range map[string]string{
		"CLAIRCHEN":         "CLAIRCHEN",
		"CLAIRCHENPROT_V01": "CLAIRCHEN",
		"ELSYSERSPROT_V01":  "ELSYSERS",
		"elsysers":          "ELSYSERS",
		"TALKPOOLOY1012":    "TALKPOOLOY1012",
		"LORAWAN":           "LORAWAN",
		"LoRaWAN":           "LORAWAN",
		"LORAWAN_V1":        "", // somebody's own
		"ELSYS":             "",
		"Zigbee CLAIRCHEN":  "",
		"":                  "",
	} {
		got := ""
		if d, ok := catalog.ForProtocol(identifier); ok {
			got = d.Protocol()
		}
		if got != want {
			t.Errorf("codec of %q is %q, want %q", identifier, got, want)
		}
	}
}

// Else a protocol could have two codecs.
func TestNoProtocolBeginsAnother(t *testing.T) {
	t.Parallel()
	for _, a := range catalog.Names() {
		for _, b := range catalog.Names() {
			one, _ := catalog.Find(a)
			other, _ := catalog.Find(b)
			if a != b && strings.HasPrefix(one.Protocol(), other.Protocol()) {
				t.Errorf("%s begins with %s", one.Protocol(), other.Protocol())
			}
			if one.Protocol() != strings.ToUpper(one.Protocol()) {
				t.Errorf("%s is not in upper case", one.Protocol())
			}
		}
	}
}
