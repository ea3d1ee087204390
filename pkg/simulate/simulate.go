// Package simulate makes uplinks as sensors in lived-in rooms send them: people come
// and go by weekday and hour, windows are opened, and each sensor groups its samples
// as its data rate demands. The demo, the load tests and the story tests use it.
//
// It is a function of node and time only. The same stretch of time gives the same
// uplinks, byte for byte, however often and in whatever pieces it is asked for; so
// a simulator that is started again goes on where it was, and repeats harmlessly.
package simulate

import (
	"container/heap"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// Model is a kind of sensor.
type Model string

// The kinds.
const (
	Clairchen Model = "clairchen"
	ERS       Model = "ers"
)

// Device EUIs are locally administered (the second bit of the first byte is set), so
// they are nobody's.
const (
	clairchenEUIs lorawan.EUI64 = 0x02C1A1_0000_000000
	ersEUIs       lorawan.EUI64 = 0x02C1A1_00E5_000000
)

// Node is a simulated sensor in a room of its own.
type Node struct {
	Model  Model
	DevEUI lorawan.EUI64
	Rate   lorawan.DataRate
	Room   Room

	seed     uint64
	samples  int           // in each message
	interval time.Duration // between samples
	phase    time.Duration // of the messages, within their period
}

// rates has the data rates of the first nodes; then they come again. Most sensors
// are near a gateway.
var rates = [...]lorawan.DataRate{
	lorawan.SF7BW125, lorawan.SF9BW125, lorawan.SF8BW125, lorawan.SF10BW125, lorawan.SF7BW125, lorawan.SF12BW125, lorawan.SF11BW125,
}

// Nodes returns n nodes, by turns of either model. The i-th is the same in every
// list. The rooms live by the clocks of a place.
func Nodes(n int, place *time.Location) []*Node {
	nodes := make([]*Node, n)
	for i := range nodes {
		number := i / 2
		node := &Node{Rate: rates[number%len(rates)], seed: mix(uint64(i) + 1)}
		if i%2 == 0 {
			node.Model, node.DevEUI = Clairchen, clairchenEUIs+lorawan.EUI64(number)
			schedule, _ := clairchen.ScheduleAt(node.Rate)
			node.samples, node.interval = schedule.Samples, schedule.Interval
		} else {
			node.Model, node.DevEUI = ERS, ersEUIs+lorawan.EUI64(number)
			settings, _ := elsys.SettingsAt(node.Rate)
			node.samples, node.interval = int(settings.SendPeriod), settings.SamplePeriod
		}
		node.phase = time.Duration(mix(node.seed)%uint64(node.period()/time.Millisecond)) * time.Millisecond
		node.Room = newRoom(i, node.seed, place)
		nodes[i] = node
	}
	return nodes
}

// Decoder returns the codec that reads the node's uplinks.
func (n *Node) Decoder() codec.Decoder {
	if n.Model == Clairchen {
		return clairchen.Decoder{}
	}
	return elsys.Decoder{}
}

// ID returns the node's id in the inventory.
func (n *Node) ID() uuid.UUID { return measurement.NodeID(n.Decoder().Protocol(), n.DevEUI) }

// DeviceID returns the network server's name for the node.
func (n *Node) DeviceID() string { return fmt.Sprintf("%s-%016x", n.Model, uint64(n.DevEUI)) }

func (n *Node) period() time.Duration { return time.Duration(n.samples) * n.interval }

// message is the number of the first message at or after t, counted from 1970.
func (n *Node) message(t time.Time) int64 {
	period := n.period().Nanoseconds()
	since := t.UnixNano() - n.phase.Nanoseconds()
	k := since / period
	if k*period < since {
		k++
	}
	return k
}

// Uplinks yields the node's uplinks that the network server receives from one time
// until, but not at, another, in order.
func (n *Node) Uplinks(from, to time.Time) iter.Seq[Uplink] {
	return func(yield func(Uplink) bool) {
		air := n.Room.air()
		for k := n.message(from); ; k++ {
			at := time.Unix(0, k*n.period().Nanoseconds()+n.phase.Nanoseconds()).UTC()
			if !at.Before(to) || !yield(n.uplink(k, at, air)) {
				return
			}
		}
	}
}

func (n *Node) uplink(k int64, at time.Time, air *air) Uplink {
	samples := make([]measurement.Sample, n.samples)
	for i := range samples {
		samples[i] = air.at(at.Add(-time.Duration(n.samples-1-i) * n.interval))
	}
	u := Uplink{Node: n, Uplink: lorawan.Uplink{
		DevEUI: n.DevEUI, DeviceID: n.DeviceID(), FCnt: uint32(k & 0xFFFF), ReceivedAt: at, DataRate: n.Rate,
		Reception: n.reception(k),
	}}
	if n.Model == Clairchen {
		u.FPort, u.Payload = clairchen.FPort, clairchen.Encode(samples)
		return u
	}
	var battery measurement.Reading
	if k%32 == 0 {
		battery = measurement.Known(3600 + int(mix(n.seed^uint64(k))%40))
	}
	u.FPort, u.Payload = elsys.FPort, elsys.Encode(samples, battery)
	return u
}

// reception fits the data rate: a sensor sends slowly because it is far away.
func (n *Node) reception(k int64) *lorawan.Reception {
	slow := int(n.Rate.SpreadingFactor) - 7
	wobble := mix(n.seed ^ uint64(k)<<8)
	return &lorawan.Reception{
		RSSIdBm: -78 - 8*slow - int(wobble%9),
		SNRdB:   9 - 4.5*float32(slow) + float32(wobble>>8%16)/4,
	}
}

// Uplink is an uplink of a simulated node.
type Uplink struct {
	Node *Node
	lorawan.Uplink
}

// Message returns topic and payload with which The Things Stack publishes it.
func (u *Uplink) Message(app ttn.Application) (topic string, payload []byte) {
	return app.UplinkTopic(u.DeviceID), ttn.EncodeUplink(app, &u.Uplink)
}

// Uplinks yields the uplinks of all nodes, received from one time until, but not at,
// another, in the order of their reception.
func Uplinks(nodes []*Node, from, to time.Time) iter.Seq[Uplink] {
	return func(yield func(Uplink) bool) {
		var next upcoming
		for _, n := range nodes {
			pull, stop := iter.Pull(n.Uplinks(from, to))
			defer stop()
			if u, ok := pull(); ok {
				next = append(next, stream{u, pull})
			}
		}
		heap.Init(&next)
		for len(next) > 0 {
			if !yield(next[0].uplink) {
				return
			}
			var ok bool
			if next[0].uplink, ok = next[0].pull(); ok {
				heap.Fix(&next, 0)
			} else {
				heap.Pop(&next)
			}
		}
	}
}

type stream struct {
	uplink Uplink
	pull   func() (Uplink, bool)
}

// upcoming is a heap of streams by their next uplink.
type upcoming []stream

func (h upcoming) Len() int      { return len(h) }
func (h upcoming) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h upcoming) Less(i, j int) bool {
	a, b := &h[i].uplink, &h[j].uplink
	if !a.ReceivedAt.Equal(b.ReceivedAt) {
		return a.ReceivedAt.Before(b.ReceivedAt)
	}
	return a.DevEUI < b.DevEUI
}

// Push is part of heap.Interface.
func (h *upcoming) Push(x any) { *h = append(*h, x.(stream)) }

// Pop is part of heap.Interface.
func (h *upcoming) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// mix scrambles a number (splitmix64), for noise that is always the same.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// noise is a number in [0, 1) that belongs to a seed and a counter.
func noise(seed uint64, counter int64) float64 {
	const bits = 53
	return float64(mix(seed^mix(uint64(counter)))>>(64-bits)) / (1 << bits)
}
