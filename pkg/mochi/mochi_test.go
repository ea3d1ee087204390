package mochi_test

import (
	"fmt"
	"log/slog"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"github.com/clairberlin/clair-stack/pkg/mochi"
)

// Clients that leave while the broker ends do not keep it from ending. (With the broker's
// own Close that is so in nearly all rounds, too: it took hundreds of runs of the
// forwarder's tests to see it stand still.)
func TestCloseWhileClientsLeave(t *testing.T) {
	t.Parallel()
	for range 100 {
		s := mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler)})
		tcp := listeners.NewTCP(listeners.Config{ID: "mqtt", Address: "127.0.0.1:0"})
		check(t, s.AddHook(new(auth.AllowHook), nil))
		check(t, s.AddListener(tcp))
		check(t, s.Serve())
		var clients []paho.Client
		for i := range 4 {
			c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + tcp.Address()).SetClientID(fmt.Sprint(i)).
				SetCleanSession(i > 0).SetAutoReconnect(false))
			token := c.Connect()
			token.Wait()
			check(t, token.Error())
			clients = append(clients, c)
		}
		for _, c := range clients {
			go c.Disconnect(0)
		}
		check(t, mochi.Close(s))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
