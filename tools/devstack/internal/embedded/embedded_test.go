package embedded_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/embedded"
)

// Without ticks, keys would stay for ever, and with them locks and rate limits.
func TestRedisForgetsWhatExpires(t *testing.T) {
	t.Parallel()
	redis, err := embedded.StartRedis("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Stop()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimSuffix(strings.TrimPrefix(redis.URL(), "redis://"), "/0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	answers := bufio.NewReader(conn)
	ask := func(words ...string) string {
		request := fmt.Sprintf("*%d\r\n", len(words))
		for _, w := range words {
			request += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
		}
		if _, err := conn.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		answer, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(answer)
	}
	if got := ask("SET", "lock", "held", "PX", "500"); got != "+OK" {
		t.Fatalf("SET = %s", got)
	}
	if got := ask("EXISTS", "lock"); got != ":1" {
		t.Fatalf("EXISTS = %s at once", got)
	}
	for ask("EXISTS", "lock") != ":0" { // until the connection's deadline
		continue
	}
}

func TestBrokerPassesUplinksOn(t *testing.T) {
	t.Parallel()
	broker, err := embedded.StartBroker("127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := broker.Stop(); err != nil {
			t.Error(err)
		}
	}()
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(broker.URL()).SetProtocolVersion(4))
	done := func(token mqtt.Token) {
		t.Helper()
		if !token.WaitTimeout(30*time.Second) || token.Error() != nil {
			t.Fatalf("broker: %v", token.Error())
		}
	}
	done(client.Connect())
	defer client.Disconnect(0)
	received := make(chan string, 1)
	done(client.Subscribe("v3/+/devices/+/up", 0, func(_ mqtt.Client, m mqtt.Message) {
		received <- string(m.Payload())
	}))
	done(client.Publish("v3/app@ttn/devices/a/up", 0, false, "uplink"))
	select {
	case got := <-received:
		if got != "uplink" {
			t.Errorf("received %q", got)
		}
	case <-time.After(30 * time.Second):
		t.Error("received nothing")
	}
}
