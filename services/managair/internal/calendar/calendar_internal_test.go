package calendar

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
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
		if got := isPublic(netip.MustParseAddrPort(address)); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
}

func TestFetching(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	plain := httptest.NewServer(mux)
	t.Cleanup(plain.Close)
	mux.HandleFunc("/good.ics", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("BEGIN:VCALENDAR")) })
	mux.HandleFunc("/large.ics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("x", timetable.MaxCalendar+1)))
	})
	mux.HandleFunc("/elsewhere.ics", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good.ics", http.StatusFound) })
	mux.HandleFunc("/round.ics", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round.ics", http.StatusFound) })
	mux.HandleFunc("/plain.ics", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+"/good.ics", http.StatusFound)
	})
	trust := server.Client().Transport.(*http.Transport).TLSClientConfig
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	all := func(netip.AddrPort) bool { return true }
	for _, tt := range []struct {
		name, path string
		fetcher    Fetcher
		want       timetable.Failure
	}{
		{"a calendar", "/good.ics", newFetcher(log, all, trust.Clone()), ""},
		{"one that is elsewhere", "/elsewhere.ics", newFetcher(log, all, trust.Clone()), ""},
		{"a network of our own", "/good.ics", newFetcher(log, isPublic, trust.Clone()), timetable.Unreachable},
		{"unsafe in the end", "/plain.ics", newFetcher(log, all, trust.Clone()), timetable.Unreachable},
		{"round and round", "/round.ics", newFetcher(log, all, trust.Clone()), timetable.Unreachable},
		{"too large", "/large.ics", newFetcher(log, all, trust.Clone()), timetable.TooLarge},
		{"not there", "/none.ics", newFetcher(log, all, trust.Clone()), timetable.Unreachable},
		{"somebody else", "/good.ics", newFetcher(log, all, &tls.Config{MinVersion: tls.VersionTLS12}), timetable.Unreachable},
	} {
		data, err := tt.fetcher.Fetch(t.Context(), server.URL+tt.path)
		if tt.want == "" {
			if err != nil || string(data) != "BEGIN:VCALENDAR" {
				t.Errorf("%s: %q, %v", tt.name, data, err)
			}
			continue
		}
		if err == nil || timetable.FailureOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	// Its people are told the same of what is not there and of what is not theirs; the log
	// tells which, without what may be secret.
	logged.Reset()
	if _, err := New(log).Fetch(t.Context(), server.URL+"/secret.ics"); timetable.FailureOf(err) != timetable.Unreachable {
		t.Errorf("as it is used: %v", err)
	}
	if got := logged.String(); !strings.Contains(got, errNotPublic.Error()) || strings.Contains(got, "secret") {
		t.Errorf("logged: %s", got)
	}
}
