package forwarder_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/forwarder"
	"github.com/clairberlin/clair-stack/pkg/logging/logtest"
)

// A connection that is cut some times in the middle of a packet costs nothing at QoS 1.
func TestConnectionIsCut(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	// Each is enough for the handshake and some uplinks of about 1.6 kB, but for the last.
	through := cutAfter(t, strings.TrimPrefix(broker.url, "tcp://"), 5000, 3000, 9000)
	start(t, broker, ingestair, options{env: config.Env{"MQTT_URL": "tcp://" + through, "MQTT_QOS": "1"}})
	const count = 8
	for i := range count {
		broker.publish(t, numbered(i, 0))
	}
	eventually(t, "all are stored", func() bool {
		return gocmp.Equal(upTo(count), slices.Compact(slices.Sorted(slices.Values(counters(ingestair.stored())))))
	})
}

// cutAfter returns the address of a relay to another one, that cuts the first
// connections after so many bytes from there.
func cutAfter(t *testing.T, to string, most ...int64) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			limit := int64(math.MaxInt64)
			if len(most) > 0 {
				limit, most = most[0], most[1:]
			}
			running.Go(func() {
				defer func() { _ = from.Close() }()
				target, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer func() { _ = target.Close() }()
				running.Go(func() { _, _ = io.Copy(target, from) })
				_, _ = io.CopyN(from, target, limit)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

// What an operator has to mend stands in the log as an error or a warning that says so.
func TestLogSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	expired, authority := expiredTLS(t)
	for _, tt := range []struct {
		name string
		env  config.Env
		want []string
	}{
		{"certificate", config.Env{"MQTT_URL": "ssl://" + expired, "MQTT_CA": authority}, []string{"broker lost", "certificate has expired"}},
		{"nobody there", config.Env{"MQTT_URL": "tcp://127.0.0.1:1"}, []string{"broker lost", "connection refused"}},
		{"Redis after the webhook", config.Env{
			"MQTT_URL": "tcp://127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1", "SPOOL_AFTER": "3s", "WEBHOOK_ADDRESS": "127.0.0.1:0", "WEBHOOK_SECRET": "a-secret-for-tests-only",
		}, []string{"SPOOL_AFTER is too long for the webhook", "at_most=2.5s"}},
		{"key", config.Env{"MQTT_URL": refusingBroker(t)}, []string{"broker refuses our user or key", "user=clair@ttn", "next_attempt_in=1m0s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := config.Env{"TTS_APPLICATION": app.ID, "INGEST_TOKEN": token, "OPS_ADDRESS": "127.0.0.1:0"}
			maps.Copy(env, tt.env)
			var cfg forwarder.Config
			if err := env.Load(&cfg); err != nil {
				t.Fatal(err)
			}
			var text logtest.Text
			ended := make(chan error, 1)
			go func() {
				ended <- forwarder.Run(t.Context(), slog.New(slog.NewTextHandler(&text, nil)), "test-forwarder", cfg, clairchen.Decoder{})
			}()
			for _, want := range tt.want {
				eventually(t, "the log says "+want, func() bool { return strings.Contains(text.String(), want) })
			}
		})
	}
}

// expiredTLS returns the address of a server with a certificate of yesterday, and
// the certificate.
func expiredTLS(t *testing.T) (address, certificate string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().AddDate(0, 0, -2), NotAfter: time.Now().AddDate(0, 0, -1),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, listener, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	return listener.Addr().String(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// refusingBroker returns the URL of a broker that knows no user.
func refusingBroker(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, listener, func(c net.Conn) {
		buffer := make([]byte, 1024)
		if _, err := c.Read(buffer); err == nil {
			_, _ = c.Write([]byte{0x20, 2, 0, 4}) // CONNACK: bad user name or password
		}
	})
	return "tcp://" + listener.Addr().String()
}

// serve handles connections until the test ends.
func serve(t *testing.T, listener net.Listener, handle func(net.Conn)) {
	t.Helper()
	var running sync.WaitGroup
	var closed atomic.Bool
	running.Go(func() {
		for !closed.Load() {
			c, err := listener.Accept()
			if err != nil {
				continue
			}
			running.Go(func() {
				defer func() { _ = c.Close() }()
				handle(c)
			})
		}
	})
	t.Cleanup(func() {
		closed.Store(true)
		_ = listener.Close()
		running.Wait()
	})
}
