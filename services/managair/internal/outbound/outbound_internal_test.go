package outbound

import (
	"net/netip"
	"testing"
)

func TestWhichAddressesArePublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"93.184.215.14:443": true, "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:443": true, "[::ffff:93.184.215.14]:443": true,
		"93.184.215.14:80": false, "93.184.215.14:6379": false,
		"127.0.0.1:443": false, "10.0.1.2:443": false, "172.16.0.1:443": false, "192.168.1.1:443": false, "169.254.169.254:443": false,
		"0.0.0.0:443": false, "100.64.0.1:443": false, "224.0.0.1:443": false, "255.255.255.255:443": false, "198.18.0.1:443": false,
		"[::1]:443": false, "[::]:443": false, "[fd00::1]:443": false, "[fe80::1]:443": false, "[ff02::1]:443": false,
		"[::ffff:127.0.0.1]:443": false, "[::ffff:10.0.0.1]:443": false, "[64:ff9b::a00:1]:443": false, "[2002:a00:1::]:443": false,
		"[fe80::1%eth0]:443": false,
	} {
		if got := (Rules{}).allows(netip.MustParseAddrPort(address)); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
}
