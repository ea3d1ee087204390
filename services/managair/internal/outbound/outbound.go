// Package outbound calls addresses that somebody gave us. They are strangers, and so may an
// address be meant for others: what it leads to has to be in the public network, unless an
// operator allows more, and is bounded in time. Whether it is allowed is asked of what is
// connected to, after names were resolved: names can mean one thing when they are checked,
// and another one later.
package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrNotPublic says that an address leads to what may not be called.
var ErrNotPublic = errors.New("it leads to no public address")

// Rules are whom a client may call, and how.
type Rules struct {
	// Patience is how long one call may take, with all that it is led to.
	Patience time.Duration
	// MaxRedirects is how often one address may lead to another.
	MaxRedirects int
	// AnyPort allows others than that of HTTPS.
	AnyPort bool
	// Private are networks that may be called although they are not public, by plain HTTP, too.
	// What answers there is not handed on: whoever gave the address may not read it.
	Private []netip.Prefix
	// KeepAlive keeps connections for the next call.
	KeepAlive bool
	// Trust is for tests; nil: the system's.
	Trust *tls.Config
	// Allowed is for tests, in place of what is said above.
	Allowed func(netip.AddrPort) bool
}

// Networks reads networks in CIDR form.
func Networks(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("a network is written like 192.0.2.0/24: %w", err)
		}
		all = append(all, network.Masked())
	}
	return all, nil
}

// NewClient returns a client that keeps the rules.
func NewClient(rules Rules) *http.Client {
	allowed := rules.Allowed
	if allowed == nil {
		allowed = rules.allows
	}
	dialer := &net.Dialer{Timeout: rules.Patience / 2, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(to) {
			return ErrNotPublic
		}
		return nil
	}}
	// Plain HTTP goes to networks of our own only.
	transport := rules.transport(dialer.DialContext)
	plain := &net.Dialer{Timeout: rules.Patience / 2, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !rules.private(to) {
			return ErrNotPublic
		}
		return nil
	}}
	return &http.Client{
		Timeout:   rules.Patience,
		Transport: discreet{byScheme{"https": transport, "http": rules.transport(plain.DialContext)}, rules},
		CheckRedirect: func(r *http.Request, before []*http.Request) error {
			if rules.MaxRedirects == 0 {
				return http.ErrUseLastResponse
			}
			if len(before) > rules.MaxRedirects {
				return errors.New("it leads from one address to the next")
			}
			if r.URL.Scheme != "https" {
				return ErrNotPublic
			}
			return nil
		},
	}
}

func (rules Rules) transport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		// No proxy: it would connect for us, and not be asked to where.
		Proxy: nil, DialContext: dial, TLSClientConfig: rules.Trust, TLSHandshakeTimeout: rules.Patience / 2,
		DisableKeepAlives: !rules.KeepAlive, MaxIdleConns: 100, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true, DisableCompression: true,
	}
}

// byScheme is a transport for each scheme, and none for others.
type byScheme map[string]http.RoundTripper

// RoundTrip is part of http.RoundTripper.
func (b byScheme) RoundTrip(r *http.Request) (*http.Response, error) {
	if way, ok := b[r.URL.Scheme]; ok {
		return way.RoundTrip(r)
	}
	return nil, ErrNotPublic
}

// discreet empties answers from private networks.
type discreet struct {
	http.RoundTripper

	rules Rules
}

// RoundTrip is part of http.RoundTripper.
func (d discreet) RoundTrip(r *http.Request) (*http.Response, error) {
	var private atomic.Bool
	answer, err := d.RoundTripper.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			to, err := netip.ParseAddrPort(got.Conn.RemoteAddr().String())
			if err != nil || d.rules.private(to) {
				private.Store(true)
			}
		},
	})))
	if err == nil && private.Load() {
		_ = answer.Body.Close()
		answer.Body = http.NoBody
	}
	return answer, err
}

func (rules Rules) private(to netip.AddrPort) bool {
	ip := to.Addr().Unmap()
	for _, network := range rules.Private {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

func (rules Rules) allows(to netip.AddrPort) bool {
	return rules.private(to) || (rules.AnyPort || to.Port() == 443) && IsPublic(to.Addr())
}

// lookupTime is how long it is waited for what a name means.
const lookupTime = 2 * time.Second

// Leads returns ErrNotPublic where a host is, or means, nothing that may be called. What nobody knows
// the meaning of now may have one later; what is connected to is looked at again in any case.
func (rules Rules) Leads(ctx context.Context, host string) error {
	all, err := []netip.Addr{}, error(nil)
	if ip, literal := netip.ParseAddr(host); literal == nil {
		all = append(all, ip)
	} else {
		within, cancel := context.WithTimeout(ctx, lookupTime)
		defer cancel()
		all, err = net.DefaultResolver.LookupNetIP(within, "ip", host)
	}
	if err != nil {
		return nil //nolint:nilerr // whoever has no answer now says nothing against it
	}
	for _, ip := range all {
		if rules.allows(netip.AddrPortFrom(ip, 443)) {
			return nil
		}
	}
	return ErrNotPublic
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

// IsPublic reports whether an address is one of the public network.
func IsPublic(ip netip.Addr) bool {
	ip = ip.Unmap()
	if ip.Zone() != "" || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, network := range special {
		if network.Contains(ip) {
			return false
		}
	}
	return true
}
