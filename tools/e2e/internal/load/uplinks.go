package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// uplinks publishes the uplinks of simulated nodes to the broker and remembers
// which samples they carry.
type uplinks struct {
	cancel context.CancelFunc
	ended  chan error

	mu      sync.Mutex
	count   int
	samples map[sampleKey]bool
	last    time.Time // when the last was received by the network
}

type sampleKey struct {
	node uuid.UUID
	time int64
}

// startUplinks plays the nodes' past at speed until it is stopped.
func startUplinks(ctx context.Context, broker string, nodes []*simulate.Node, from time.Time, speed float64) (*uplinks, error) {
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(broker).SetClientID("e2e").SetOrderMatters(true))
	if token := client.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		return nil, fmt.Errorf("connect to the broker: %w", token.Error())
	}
	ctx, cancel := context.WithCancel(ctx)
	u := &uplinks{cancel: cancel, ended: make(chan error, 1), samples: map[sampleKey]bool{}}
	var undecoded error
	publishing := simulate.Publishing{
		From: from, Speed: speed, QoS: 1,
		Applications: map[simulate.Model]ttn.Application{
			simulate.Clairchen: {ID: "clair-clairchen", Tenant: "ttn"},
			simulate.ERS:       {ID: "clair-ers", Tenant: "ttn"},
		},
		Progress: func(up simulate.Uplink) {
			message, err := up.Node.Decoder().Decode(&up.Uplink)
			if err != nil {
				undecoded = err
				return
			}
			u.mu.Lock()
			defer u.mu.Unlock()
			u.count++
			u.last = up.ReceivedAt
			for _, s := range message.Samples {
				u.samples[sampleKey{up.Node.ID(), s.Time.Unix()}] = true
			}
		},
	}
	go func() {
		err := simulate.Publish(ctx, client, nodes, publishing)
		client.Disconnect(2000) // what was published is on its way to the broker
		if ctx.Err() != nil {
			err = nil
		}
		if err == nil {
			err = undecoded
		}
		u.ended <- err
	}()
	return u, nil
}

// stop returns how many uplinks were published, and their samples.
func (u *uplinks) stop() (int, map[sampleKey]bool, error) {
	u.cancel()
	err := <-u.ended
	return u.count, u.samples, err
}
