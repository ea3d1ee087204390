package forwarder

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// packet is a PUBLISH with a payload of so many bytes.
func packet(t testing.TB, id uint16, payload int) []byte {
	t.Helper()
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Qos, p.MessageID = "v3/a@ttn/devices/b/up", 1, id
	p.Payload = bytes.Repeat([]byte{'x'}, payload)
	var wire bytes.Buffer
	if err := p.Write(&wire); err != nil {
		t.Fatal(err)
	}
	return wire.Bytes()
}

func bounded(wire io.Reader, most int) *boundedConn {
	return &boundedConn{Conn: nil, in: bufio.NewReader(wire), most: most}
}

// A packet that is too large is shortened, can be acknowledged, and leaves those after
// it as they are.
func TestLargePacketsAreShortened(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	sizes := []int{0, 10, 300, 20_000, 3 << 20, 100, 127, 128}
	for i, size := range sizes {
		wire.Write(packet(t, uint16(i+1), size)) //nolint:gosec // it is small
	}
	const most = 16 << 10
	conn := bounded(&wire, most)
	for i, size := range sizes {
		got, err := packets.ReadPacket(conn)
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		p := got.(*packets.PublishPacket)
		want := min(size, most-2-len(p.TopicName)-2)
		if int(p.MessageID) != i+1 || len(p.Payload) != want {
			t.Errorf("packet %d of %d bytes: id %d, %d bytes, want %d", i, size, p.MessageID, len(p.Payload), want)
		}
	}
	if _, err := packets.ReadPacket(conn); err == nil {
		t.Error("something comes after the last packet")
	}
}

// Whatever arrives, what is handed on are packets within the bound, or an error.
func FuzzBoundedConn(f *testing.F) {
	f.Add(packet(f, 1, 200))
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3})
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, wire []byte) {
		const most = 64
		var _ net.Conn = &boundedConn{}
		got, _ := io.ReadAll(bounded(bytes.NewReader(wire), most))
		// Each begins with its kind and a length of at most most, which is one byte.
		for len(got) > 1 {
			if got[1] > most {
				t.Fatalf("a packet of %d bytes came through", got[1])
			}
			got = got[min(2+int(got[1]), len(got)):]
		}
	})
}
