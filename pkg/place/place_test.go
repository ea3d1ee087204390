package place_test

import (
	"testing"

	"github.com/clairberlin/clair-stack/pkg/place"
)

func TestWhereARequestComesFrom(t *testing.T) {
	t.Parallel()
	var balancer, own place.Network
	for text, n := range map[string]*place.Network{"203.0.113.5": &balancer, "10.9.0.0/16": &own} {
		if err := n.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	trusted := []place.Network{balancer, own}
	for _, tt := range []struct {
		name, peer, forwarded string
		trusted               []place.Network
		want                  string
	}{
		{"nobody between", "198.51.100.1:4711", "", nil, "198.51.100.1"},
		{"a stranger who claims", "198.51.100.1:4711", "192.0.2.1", nil, "198.51.100.1"},
		{"a near proxy", "10.0.1.7:4711", "198.51.100.1", nil, "198.51.100.1"},
		{"a near proxy that adds to a claim", "10.0.1.7:4711", "192.0.2.1, 198.51.100.1", nil, "198.51.100.1"},
		{"a client within the house", "10.0.1.7:4711", "192.0.2.1, 10.9.9.9", nil, "10.9.9.9"},
		{"a balancer before it", "10.0.1.7:4711", "192.0.2.1, 198.51.100.1, 203.0.113.5", trusted, "198.51.100.1"},
		{"a balancer that nobody named", "10.0.1.7:4711", "198.51.100.1, 203.0.113.5", nil, "203.0.113.5"},
		{"a balancer that comes directly", "203.0.113.5:4711", "192.0.2.1, 198.51.100.1", trusted, "198.51.100.1"},
		{"a chain of our own", "127.0.0.1:4711", "198.51.100.1, 10.9.1.1, 203.0.113.5", trusted, "198.51.100.1"},
		{"only our own", "127.0.0.1:4711", "10.9.1.1, 203.0.113.5", trusted, "10.9.1.1"},
		{"rubbish", "10.0.1.7:4711", "198.51.100.1, x", nil, "10.0.1.7"},
		{"IPv4 in IPv6", "[::ffff:10.0.1.7]:4711", "::ffff:198.51.100.1", nil, "198.51.100.1"},
		{"IPv6 with a zone", "[fd00::1%eth0]:4711", "2001:db8::1", nil, "2001:db8::1"},
	} {
		var forwarded []string
		if tt.forwarded != "" {
			forwarded = []string{tt.forwarded}
		}
		if got := place.AddressOf(tt.peer, forwarded, tt.trusted); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
