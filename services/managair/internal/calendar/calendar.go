// Package calendar fetches calendars of holidays that somebody gave the address of. They
// are strangers to us, and so may the address be meant for others: what it leads to has to
// be in the public network, and is bounded in size and time.
package calendar

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

const (
	// patience is how long fetching may take, with all that it is led to.
	patience = 10 * time.Second
	// maxRedirects is how often one address may lead to another.
	maxRedirects = 3
)

// errNotPublic says that an address leads to what is not of the public network. It is for
// the log only.
var errNotPublic = fmt.Errorf("it leads to no public address: %w", timetable.Unreachable)

// Fetcher fetches calendars by HTTPS. The zero Fetcher cannot be used: see New.
type Fetcher struct {
	client *http.Client
	log    *slog.Logger
}

var _ timetable.Fetcher = Fetcher{}

// New returns a Fetcher for the public network. The log says why a calendar cannot be
// fetched, in which its people are only told that it cannot.
func New(log *slog.Logger) Fetcher { return newFetcher(log, isPublic, nil) }

// newFetcher returns one for the addresses that are allowed. Whether they are is asked
// after names were resolved, of what is connected to: names can mean one thing when they
// are checked, and another one later.
func newFetcher(log *slog.Logger, allowed func(netip.AddrPort) bool, trust *tls.Config) Fetcher {
	dialer := &net.Dialer{Timeout: patience / 2, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(to) {
			return errNotPublic
		}
		return nil
	}}
	client := &http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			// No proxy: it would connect for us, and not be asked to where.
			Proxy: nil, DialContext: dialer.DialContext, TLSClientConfig: trust, TLSHandshakeTimeout: patience / 2,
			DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(r *http.Request, before []*http.Request) error {
			if len(before) > maxRedirects {
				return errors.New("it leads from one address to the next")
			}
			if r.URL.Scheme != "https" {
				return errNotPublic
			}
			return nil
		},
	}
	return Fetcher{client, log}
}

// Fetch is part of timetable.Fetcher.
func (f Fetcher) Fetch(ctx context.Context, address string) ([]byte, error) {
	data, err := f.fetch(ctx, address)
	if err == nil {
		return data, nil
	}
	// Errors of these packages have the address, in which there may be a secret.
	host := ""
	if to, err := url.Parse(address); err == nil {
		host = to.Host
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	f.log.InfoContext(ctx, "a calendar could not be fetched", "host", host, "err", err)
	return nil, fmt.Errorf("fetch a calendar: %w", err)
}

func (f Fetcher) fetch(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/calendar, */*;q=0.1")
	r.Header.Set("User-Agent", "clair-stack (calendar of holidays, read daily)")
	answer, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", answer.Status)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, timetable.MaxCalendar+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > timetable.MaxCalendar:
		return nil, timetable.TooLarge
	default:
		return data, nil
	}
}

// special are networks of no public host: the registries of special-purpose addresses
// (RFC 6890 and after it), as far as netip does not know them. Among them are those by
// which IPv6 reaches IPv4 hosts, which may be of any network.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// isPublic reports whether an address is one of the public network, for HTTPS.
func isPublic(to netip.AddrPort) bool {
	ip := to.Addr().Unmap()
	if to.Port() != 443 || ip.Zone() != "" || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, network := range special {
		if network.Contains(ip) {
			return false
		}
	}
	return true
}
