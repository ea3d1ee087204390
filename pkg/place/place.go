// Package place tells where requests come from, and what counts as one place: an
// IPv4 address, or the network of an IPv6 one.
package place

import (
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

// AddressOf tells where a request comes from that a peer has sent. The values of its
// X-Forwarded-For are believed only if a proxy has sent them: one that is near, or
// trusted by name. Each proxy adds whom it has heard, so the last entry that is none of
// theirs is the client, whatever the client itself has written before it.
func AddressOf(peerAddress string, forwarded []string, trusted []Network) string {
	from := peer(peerAddress)
	if !from.IsValid() || !from.IsPrivate() && !from.IsLoopback() && !isTrusted(from, trusted) {
		return from.String()
	}
	hops := strings.Split(strings.Join(forwarded, ","), ",")
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

// Of returns the place of an address: of IPv6 it is the network, because a customer has
// 2^64 addresses of such.
func Of(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	network, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return network.String()
}
