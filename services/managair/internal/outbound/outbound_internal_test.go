package outbound

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

// Whoever gave an address of a private network learns that something answered, and not what.
func TestAnswersFromPrivateNetworksAreNotHandedOn(t *testing.T) {
	t.Parallel()
	secret := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "what only we know") })
	plain, secure := httptest.NewServer(secret), httptest.NewTLSServer(secret)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	trust := secure.Client().Transport.(*http.Transport).TLSClientConfig
	private := Rules{Patience: 5 * time.Second, AnyPort: true, KeepAlive: true, Trust: trust, Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	public := Rules{Patience: 5 * time.Second, Trust: trust, Allowed: func(netip.AddrPort) bool { return true }}
	hidden, shown := NewClient(private), NewClient(public)
	for _, tt := range []struct {
		client *http.Client
		to     string
		want   string
	}{
		{hidden, plain.URL, ""},
		{hidden, plain.URL, ""}, // by the connection that is there
		{hidden, secure.URL, ""},
		{hidden, secure.URL, ""},
		{shown, secure.URL, "what only we know"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.to, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := tt.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || string(text) != tt.want {
			t.Errorf("%s: %q, %v", tt.to, text, err)
		}
	}
}

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

// Where an address leads is asked at the door as well, whatever form it is written in.
func TestWhereHostsLead(t *testing.T) {
	t.Parallel()
	public := Rules{AnyPort: true}
	private := Rules{AnyPort: true, Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	for _, tt := range []struct {
		rules Rules
		host  string
		want  error
	}{
		{public, "127.0.0.1", ErrNotPublic},
		{public, "10.1.2.3", ErrNotPublic},
		{public, "169.254.169.254", ErrNotPublic},
		{public, "::1", ErrNotPublic},
		{public, "::ffff:192.168.0.1", ErrNotPublic},
		{public, "localhost", ErrNotPublic},
		{public, "9.9.9.9", nil},
		{public, "nowhere.invalid", nil}, // nobody knows yet
		{private, "127.0.0.1", nil},
		{private, "localhost", nil},
		{private, "10.1.2.3", ErrNotPublic},
	} {
		if got := tt.rules.Leads(t.Context(), tt.host); !errors.Is(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.host, got, tt.want)
		}
	}
}
