package forwarder

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/net/proxy"
)

// maxPacket is how much of an MQTT packet is taken; an uplink has a few kilobytes.
const maxPacket = 1 << 20

// openBroker opens a connection as the library would, but for the bound of packets: the
// library makes room for whatever a packet announces, up to 256 MB.
func openBroker(broker *url.URL, o mqtt.ClientOptions) (net.Conn, error) {
	conn, err := dialBroker(broker, o)
	if err != nil {
		return nil, err
	}
	return &boundedConn{Conn: conn, in: bufio.NewReader(conn), most: maxPacket}, nil
}

func dialBroker(broker *url.URL, o mqtt.ClientOptions) (net.Conn, error) {
	secure := o.TLSConfig
	switch broker.Scheme {
	case "ws":
		return mqtt.NewWebsocket(broker.String(), nil, connectTimeout, o.HTTPHeaders, o.WebsocketOptions)
	case "wss":
		return mqtt.NewWebsocket(broker.String(), secure, connectTimeout, o.HTTPHeaders, o.WebsocketOptions)
	}
	conn, err := proxy.FromEnvironmentUsing(&net.Dialer{Timeout: connectTimeout}).Dial("tcp", broker.Host)
	if err != nil || broker.Scheme == "tcp" || broker.Scheme == "mqtt" {
		return conn, err
	}
	secure = secure.Clone()
	secure.ServerName = broker.Hostname()
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	encrypted := tls.Client(conn, secure)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return encrypted, nil
}

// boundedConn shortens what arrives in packets that are too large. They stay packets,
// so that the library takes and acknowledges them and the broker does not send them for
// ever; what is left of the message is no uplink, and is kept or counted as such.
type boundedConn struct {
	net.Conn

	in   *bufio.Reader
	most int
	// header is what is still to be handed out of a packet's beginning, pass how much
	// comes after it, and skip how much is then left out.
	header     []byte
	pass, skip int
}

// Read is that of io.Reader.
func (c *boundedConn) Read(p []byte) (int, error) {
	for len(p) > 0 {
		switch {
		case len(c.header) > 0:
			n := copy(p, c.header)
			c.header = c.header[n:]
			return n, nil
		case c.pass > 0:
			n, err := c.in.Read(p[:min(len(p), c.pass)])
			c.pass -= n
			return n, err
		case c.skip > 0:
			n, err := c.in.Discard(min(c.skip, 1<<16))
			c.skip -= n
			if err != nil {
				return 0, err
			}
		default:
			if err := c.begin(); err != nil {
				return 0, err
			}
		}
	}
	return 0, nil
}

var errLength = errors.New("an MQTT packet has a malformed length")

// begin reads the beginning of a packet: a byte of its kind, and its length in up to
// four bytes of seven bits (MQTT 3.1.1, section 2.2.3).
func (c *boundedConn) begin() error {
	kind, err := c.in.ReadByte()
	if err != nil {
		return err
	}
	length := 0
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return errLength
		}
		b, err := c.in.ReadByte()
		if err != nil {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		length |= int(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	c.pass = min(length, c.most)
	c.skip = length - c.pass
	c.header = append(c.header[:0], kind)
	for rest := c.pass; ; {
		b := byte(rest & 0x7f)
		if rest >>= 7; rest > 0 {
			c.header = append(c.header, b|0x80)
			continue
		}
		c.header = append(c.header, b)
		return nil
	}
}
