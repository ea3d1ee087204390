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

	"github.com/clairberlin/clair-stack/services/managair/internal/outbound"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

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
		{"a network of our own", "/good.ics", newFetcher(log, nil, trust.Clone()), timetable.Unreachable},
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
	if got := logged.String(); !strings.Contains(got, outbound.ErrNotPublic.Error()) || strings.Contains(got, "secret") {
		t.Errorf("logged: %s", got)
	}
}
