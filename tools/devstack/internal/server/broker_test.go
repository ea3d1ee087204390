package server_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/clairberlin/clair-stack/pkg/freeport"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/process"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
)

// deployedBroker is the broker of compose/docker-compose.broker.yml: its own files and start,
// in other folders.
type deployedBroker struct {
	spec process.Spec
	port int
}

func newDeployedBroker(t *testing.T) *deployedBroker {
	t.Helper()
	if _, err := server.MosquittoPath(); err != nil {
		if os.Getenv("CLAIR_TEST_REQUIRE") == "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	runAs, err := process.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	d := dir(t)
	if err := runAs.MakeDir(d); err != nil {
		t.Fatal(err)
	}
	port, err := freeport.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := strings.NewReplacer("/mosquitto/config/", d+"/", "/mosquitto/data/", d+"/", "/run/secrets/", d+"/", "/tmp/", d+"/made-",
		"listener 1883", fmt.Sprintf("listener %d %s", port, server.Host))
	files := map[string]string{"broker_network": "of the network", "broker_forwarder": "of forwarders"}
	for _, name := range []string{"mosquitto.conf", "acl", "start.sh"} {
		content, err := os.ReadFile(filepath.Join("../../../../compose/broker", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = elsewhere.Replace(string(content))
	}
	for name, content := range files {
		path := filepath.Join(d, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := runAs.Own(path); err != nil {
			t.Fatal(err)
		}
	}
	return &deployedBroker{port: port, spec: process.Spec{
		Name: "broker", Path: "/bin/sh", Args: []string{filepath.Join(d, "start.sh")}, Dir: d, User: runAs,
		Env: []string{"PATH=/usr/sbin:/usr/bin:/bin", "QUEUED_MESSAGES=3000"}, LogFile: filepath.Join(d, "log"),
	}}
}

// run starts the broker, and returns how it is stopped.
func (b *deployedBroker) run(t *testing.T) (stop func()) {
	t.Helper()
	p, err := process.Start(b.spec)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { _ = p.Stop(context.Background()) })
	t.Cleanup(stop)
	if err := p.Ready(t.Context(), func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.address())
		if err != nil {
			return err
		}
		return conn.Close()
	}); err != nil {
		t.Fatalf("%v: %s", err, p.LogTail())
	}
	return stop
}

func (b *deployedBroker) address() string { return net.JoinHostPort(server.Host, strconv.Itoa(b.port)) }

// connect connects as an account, with the session of its name.
func (b *deployedBroker) connect(t *testing.T, account, password string, take mqtt.MessageHandler) (mqtt.Client, error) {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.address()).SetClientID(account).
		SetUsername(account).SetPassword(password).SetCleanSession(false).SetDefaultPublishHandler(take))
	token := c.Connect()
	if !token.WaitTimeout(30 * time.Second) {
		t.Fatal("no answer")
	}
	return c, token.Error()
}

func wait(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(time.Minute) || token.Error() != nil {
		t.Fatal(token.Error())
	}
}

// TestDeployedBrokerKeepsWhatIsNotStored: what the network server publishes while a forwarder
// is away waits for it, more of it than a broker keeps by default, over a restart of the
// broker; and what one account may, the other may not.
func TestDeployedBrokerKeepsWhatIsNotStored(t *testing.T) {
	t.Parallel()
	b := newDeployedBroker(t)
	stop := b.run(t)
	const topic, uplinks = "uplinks/clairchen/up", 2500 // the broker's own bound is 1000

	got := make(chan string, 2*uplinks)
	take := func(_ mqtt.Client, m mqtt.Message) { got <- string(m.Payload()) }
	forwarder, err := b.connect(t, "forwarder", "of forwarders", take)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, forwarder.Subscribe(topic, 1, nil))
	forwarder.Disconnect(100)

	network, err := b.connect(t, "network", "of the network", func(mqtt.Client, mqtt.Message) { t.Error("the network server reads uplinks") })
	if err != nil {
		t.Fatal(err)
	}
	wait(t, network.Subscribe("uplinks/#", 1, nil))
	for i := range uplinks {
		wait(t, network.Publish(topic, 1, false, strconv.Itoa(i)))
	}
	network.Disconnect(100)
	stop()
	b.run(t)

	if forwarder, err = b.connect(t, "forwarder", "of forwarders", take); err != nil {
		t.Fatal(err)
	}
	// Its own uplink is refused without a word, and is not among those that come.
	wait(t, forwarder.Publish(topic, 1, false, "forged"))
	var all []string
	for len(all) < uplinks {
		select {
		case one := <-got:
			all = append(all, one)
		case <-time.After(time.Minute):
			t.Fatalf("%d of %d uplinks came", len(all), uplinks)
		}
	}
	for i, one := range all {
		if one != strconv.Itoa(i) {
			t.Fatalf("uplink %d is %q", i, one)
		}
	}
	forwarder.Disconnect(100)

	for account, password := range map[string]string{"": "", "forwarder": "of the network", "network": ""} {
		if c, err := b.connect(t, account, password, nil); err == nil {
			t.Errorf("%q entered with %q", account, password)
			c.Disconnect(0)
		}
	}
	if len(got) > 0 || slices.Contains(all, "forged") {
		t.Errorf("%d more than were published", len(got))
	}
}
