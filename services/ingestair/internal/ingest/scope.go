package ingest

import (
	"context"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
)

// Forbidden is the error for calls of which nothing may be written.
func Forbidden() error {
	f := keeping.Foreign()
	return fault.New(fault.Forbidden, "%s: %s", f.Field, f.Detail)
}

// restrict finds the uplinks that the sender may not speak of. Of its own, it may not say
// which device they are: that is for networks to tell. It returns how many samples and
// readings are of others.
func (c *Call) restrict(ctx context.Context) (foreign int, err error) {
	nodes := make([]uuid.UUID, len(c.batch.Uplinks))
	for i := range nodes {
		nodes[i] = c.batch.Uplinks[i].NodeID
	}
	own, err := c.batch.Scope.Own(ctx, nodes)
	if err != nil {
		return 0, err
	}
	c.foreign = make([]bool, len(nodes))
	c.result.Foreign = len(nodes) > 0
	first, firstReading := 0, 0
	for i := range c.batch.Uplinks {
		u := &c.batch.Uplinks[i]
		u.Registered = true
		u.Meta.DevEUI, u.Meta.DeviceID, u.Meta.Protocol, u.Meta.Application = 0, "", "", ""
		if c.foreign[i] = !own[u.NodeID]; c.foreign[i] {
			foreign += u.End - first + max(0, u.ReadingsEnd-firstReading)
		}
		first, firstReading = u.End, max(firstReading, u.ReadingsEnd)
		c.result.Foreign = c.result.Foreign && c.foreign[i]
	}
	return foreign, nil
}

// isForeign reports whether the sender may not speak of the node of an uplink.
func (c *Call) isForeign(uplink int) bool { return c.foreign != nil && c.foreign[uplink] }
