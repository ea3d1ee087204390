package forwarder_test

import (
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// hooks counts what happens at the broker.
type hooks struct {
	mochi.HookBase
	subscribed atomic.Int64
}

// Provides tells the broker what we want to hear of.
func (*hooks) Provides(b byte) bool { return b == mochi.OnSubscribed }

// OnSubscribed counts subscriptions.
func (h *hooks) OnSubscribed(*mochi.Client, packets.Packet, []byte) { h.subscribed.Add(1) }
