package lifetime

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
)

// useBroker publishes an uplink as a network server's Pub/Sub does: by TLS that ends at the
// proxy, with the account of docs/operations.md, at QoS 1. That it is stored shows that the
// forwarders are behind that broker.
func (s *lifetime) useBroker(ctx context.Context) error {
	password, err := os.ReadFile(filepath.Join(s.stack.Secrets, "broker_network"))
	if err != nil {
		return err
	}
	var client mqtt.Client
	err = play.Until(ctx, func() (err error) {
		client, err = connectBroker(strings.TrimSpace(string(password)))
		return err
	})
	if err != nil {
		return err
	}
	defer client.Disconnect(500)
	if _, err := connectBroker("no password of anybody"); !errors.Is(err, packets.ErrorRefusedNotAuthorised) {
		return fmt.Errorf("the broker does not refuse a wrong password: %w", err)
	}
	before, err := load.Stored(ctx, s.stack)
	if err != nil {
		return err
	}
	begun, stored := time.Now(), 0
	err = play.Until(ctx, func() error {
		// Again and again, for what is published before a forwarder has subscribed for the first
		// time is nobody's.
		if err := publishRecent(client); err != nil {
			return err
		}
		after, err := load.Stored(ctx, s.stack)
		if stored = after - before; err == nil && stored == 0 {
			err = errors.New("what was published to the stack's broker is not stored")
		}
		return err
	})
	s.stack.Report("from the stack's broker, by TLS", "%d samples after %.0f s", stored, time.Since(begun).Seconds())
	return err
}

// publishRecent publishes what a node has sent in the last two hours, which comes after all
// that has been played.
func publishRecent(client mqtt.Client) error {
	for uplink := range simulate.Uplinks(simulate.Nodes(1, time.UTC), time.Now().Add(-2*time.Hour), time.Now()) {
		_, message := uplink.Message(ttn.Application{ID: "clair-clairchen", Tenant: "ttn"})
		token := client.Publish("uplinks/clairchen/up", 1, false, message)
		if !token.WaitTimeout(10 * time.Second) {
			return errors.New("the broker does not acknowledge what is published")
		}
		if token.Error() != nil {
			return token.Error()
		}
	}
	return nil
}

func connectBroker(password string) (mqtt.Client, error) {
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("ssl://" + net.JoinHostPort(stack.Local, "8883")).
		SetClientID("network").SetUsername("network").SetPassword(password).SetProtocolVersion(4).
		SetAutoReconnect(false).SetConnectTimeout(10 * time.Second).
		SetTLSConfig(&tls.Config{ServerName: stack.Domain, InsecureSkipVerify: true})) //nolint:gosec // the authority makes its root anew at each start
	token := client.Connect()
	if !token.WaitTimeout(20 * time.Second) {
		return nil, errors.New("no answer from the broker")
	}
	return client, token.Error()
}
