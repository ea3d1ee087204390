package inventory

import (
	"strings"

	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// NodeIDOf returns the id of a device: the one under which the forwarder of its protocol
// hands over its samples. Where there is none, scripts that send for the device use the id
// that follows from the protocol's own name, as its forwarder will, should there be one.
func NodeIDOf(protocol, deviceEUI string) (NodeID, *fault.Violation) {
	clean, v := EUI{}.Clean(deviceEUI)
	if v != nil {
		v.Field = "eui64"
		return NodeID{}, v
	}
	eui, _ := lorawan.ParseEUI64(clean) // it is clean
	return measurement.NodeID(Family(protocol), eui), nil
}

// Family is the name of a protocol in the ids of its nodes, and in what its devices send:
// that of its codec, where there is one.
func Family(protocol string) string {
	if codec, ok := catalog.ForProtocol(protocol); ok {
		return codec.Protocol()
	}
	return strings.ToUpper(protocol)
}

// Identify gives a new node the id that follows from its protocol and device EUI. An id
// that it has already must be that: nobody takes the place of another device.
func (n *Node) Identify(protocol string) *fault.Violation {
	id, v := NodeIDOf(protocol, n.EUI64)
	if v != nil {
		return v
	}
	if n.ID != (NodeID{}) && n.ID != id {
		return &fault.Violation{Field: "id", Reason: reason.IDMismatch, Args: []any{id}, Contradictory: true}
	}
	n.ID = id
	return nil
}

// SameDevice refuses a change of protocol or device EUI that makes another device of a
// node. One whose id never followed from them, as it may be from the predecessor, keeps
// its id, and can be corrected to what its id says.
func (n *Node) SameDevice(old *Node, oldProtocol, protocol string) *fault.Violation {
	was, v := NodeIDOf(oldProtocol, old.EUI64)
	if v != nil {
		return v
	}
	is, v := NodeIDOf(protocol, n.EUI64)
	switch {
	case v != nil:
		return v
	case is == was || is == n.ID:
		return nil
	case n.EUI64 == old.EUI64:
		return &fault.Violation{Field: "protocol", Reference: true, Reason: reason.OtherDevice, Contradictory: true}
	default:
		return &fault.Violation{Field: "eui64", Reason: reason.OtherDevice, Contradictory: true}
	}
}
