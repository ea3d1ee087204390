package forwarder

import (
	"time"

	"github.com/clairberlin/clair-stack/pkg/chirpstack"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// network speaks with a kind of network server.
type network interface {
	// uplinkTopic is the topic of all uplinks; what else comes there is told apart.
	uplinkTopic() string
	// otherTopics are those of what else is told of the devices of a topic of uplinks.
	otherTopics(uplinks string) []string
	// parseUplink reads a message that arrived at a time. by is the topic or the query that it
	// came by.
	parseUplink(message []byte, by string, arrived time.Time) (lorawan.Uplink, error)
	// takes reports whether an uplink is of the application that the forwarder is for, as
	// far as it says which one it is of.
	takes(u *lorawan.Uplink) bool
	// downlink returns the message that answers an uplink, and its topic. By the id it
	// is recognized in what is told of it.
	downlink(u *lorawan.Uplink, fPort uint8, payload []byte, id string) (topic string, message []byte)
	// queuedTopic is where it is told which downlinks were queued; "": it is not told.
	queuedTopic() string
	// parseQueued returns the ids of a downlink that was queued.
	parseQueued(message []byte) []string
}

// tts is The Things Stack.
type tts struct {
	app ttn.Application
	own bool // we are at its own MQTT server
}

func (n tts) uplinkTopic() string { return n.app.UplinkTopic("+") }

func (tts) otherTopics(string) []string { return nil }

func (tts) parseUplink(message []byte, _ string, arrived time.Time) (lorawan.Uplink, error) {
	return ttn.ParseUplink(message, arrived)
}

func (n tts) takes(u *lorawan.Uplink) bool { return u.Application == "" || u.Application == n.app.ID }

func (n tts) downlink(u *lorawan.Uplink, fPort uint8, payload []byte, id string) (topic string, message []byte) {
	return n.app.DownlinkTopic(u.DeviceID), ttn.EncodeDownlinks(ttn.Downlink{
		FPort: fPort, Payload: payload, Priority: "NORMAL", CorrelationIDs: []string{id},
	})
}

// queuedTopic: who has put another broker in between passes uplinks and downlinks on, and
// not what is told of downlinks.
func (n tts) queuedTopic() string {
	if !n.own {
		return ""
	}
	return n.app.QueuedTopic("+")
}

func (tts) parseQueued(message []byte) []string { return ttn.ParseQueued(message) }

// anyApplication stands for all that there are at ChirpStack.
const anyApplication = "+"

// chirpStack is ChirpStack v4.
type chirpStack struct{ application string }

func (n chirpStack) uplinkTopic() string { return chirpstack.UplinkTopic(n.application) }

func (chirpStack) otherTopics(uplinks string) []string { return chirpstack.OtherTopics(uplinks) }

func (chirpStack) parseUplink(message []byte, by string, arrived time.Time) (lorawan.Uplink, error) {
	return chirpstack.ParseEvent(chirpstack.Kind(by), message, arrived)
}

func (n chirpStack) takes(u *lorawan.Uplink) bool {
	return u.Application == "" || n.application == anyApplication || u.Application == n.application
}

func (chirpStack) downlink(u *lorawan.Uplink, fPort uint8, payload []byte, _ string) (topic string, message []byte) {
	return chirpstack.DownlinkTopic(u.Application, u.DevEUI), chirpstack.EncodeDownlink(u.DevEUI, fPort, payload)
}

// queuedTopic: ChirpStack tells of a downlink when a gateway has sent it, which is after
// the next uplink, and not when it is queued.
func (chirpStack) queuedTopic() string { return "" }

func (chirpStack) parseQueued([]byte) []string { return nil }
