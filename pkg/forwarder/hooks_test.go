package forwarder_test

import (
	"strings"
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// hooks says who may do what at the broker.
type hooks struct {
	mochi.HookBase
	refused atomic.Value // a string: no client may subscribe to what ends so
	only    atomic.Value // a string: clients may subscribe to nothing but what ends so
}

// Provides tells the broker what we want to be asked.
func (*hooks) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}

// OnConnectAuthenticate lets everybody in.
func (*hooks) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

// OnACLCheck lets everybody do what is not refused.
func (h *hooks) OnACLCheck(_ *mochi.Client, topic string, write bool) bool {
	refused, ok := h.refused.Load().(string)
	if only, is := h.only.Load().(string); is && !write && !strings.HasSuffix(topic, only) {
		return false
	}
	return write || !ok || !strings.HasSuffix(topic, refused)
}
