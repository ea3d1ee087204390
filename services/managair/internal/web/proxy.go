package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Network is an address, or all those of a network.
type Network struct{ netip.Prefix }

// UnmarshalText takes both forms: 192.0.2.1 and 192.0.2.0/24.
func (n *Network) UnmarshalText(text []byte) error {
	if address, err := netip.ParseAddr(string(text)); err == nil {
		n.Prefix = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	n.Prefix = prefix.Masked()
	return err
}

// clientAddress tells where a request comes from. X-Forwarded-For is believed only if
// a proxy has sent it: one that is near, or trusted by name. Each proxy adds whom it
// has heard, so the last entry that is none of theirs is the client, whatever the
// client itself has written before it.
func clientAddress(r *http.Request, trusted []Network) string {
	from := peer(r.RemoteAddr)
	if !from.IsValid() || !from.IsPrivate() && !from.IsLoopback() && !isTrusted(from, trusted) {
		return from.String()
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, entry := range slices.Backward(hops) {
		hop, err := netip.ParseAddr(strings.TrimSpace(entry))
		if err != nil {
			break // what stands before is as odd
		}
		if from = hop.Unmap().WithZone(""); !isTrusted(from, trusted) {
			break
		}
	}
	return from.String()
}

func peer(address string) netip.Addr {
	if both, err := netip.ParseAddrPort(address); err == nil {
		return both.Addr().Unmap().WithZone("")
	}
	alone, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Addr{}
	}
	return alone.Unmap().WithZone("")
}

func isTrusted(address netip.Addr, trusted []Network) bool {
	for _, n := range trusted {
		if n.Contains(address) {
			return true
		}
	}
	return false
}
