package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// applications are those of the environment files, at the network server that is played.
var applications = map[simulate.Model]ttn.Application{
	simulate.Clairchen: {ID: "clair-clairchen", Tenant: "ttn"},
	simulate.ERS:       {ID: "clair-ers", Tenant: "ttn"},
}

// uplinks sends the uplinks of simulated nodes, each by its way, and remembers which samples
// they carry.
type uplinks struct {
	cancel context.CancelFunc
	ways   errgroup.Group

	mu        sync.Mutex
	count     int
	samples   map[sampleKey]bool
	last      map[way]time.Time // when the last was received by the network
	undecoded error
}

type sampleKey struct {
	node uuid.UUID
	time int64
}

// way is how the uplinks of a node come to the stack.
type way string

const (
	byBroker  way = "MQTT"
	byWebhook way = "webhook"
)

// startUplinks plays the nodes' past at speed until it is stopped: those of the broker at an
// address, and those that are posted.
func startUplinks(ctx context.Context, broker string, published []*simulate.Node, hook *webhook, posted []*simulate.Node, from time.Time, speed float64) (*uplinks, error) {
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(broker).SetClientID("e2e").SetOrderMatters(true))
	if token := client.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		return nil, fmt.Errorf("connect to the broker: %w", token.Error())
	}
	ctx, cancel := context.WithCancel(ctx)
	u := &uplinks{cancel: cancel, samples: map[sampleKey]bool{}, last: map[way]time.Time{}}
	play := func(by way, send func(simulate.Publishing) error) {
		u.last[by] = from
		publishing := simulate.Publishing{From: from, Speed: speed, QoS: 1, Applications: applications, Progress: func(up simulate.Uplink) { u.note(by, up) }}
		u.ways.Go(func() error {
			if err := send(publishing); ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
	play(byBroker, func(p simulate.Publishing) error {
		defer client.Disconnect(2000) // what was published is on its way to the broker
		return simulate.Publish(ctx, client, published, p)
	})
	if len(posted) > 0 {
		play(byWebhook, func(p simulate.Publishing) error { return hook.play(ctx, posted, p) })
	}
	return u, nil
}

// note remembers what an uplink carries.
func (u *uplinks) note(by way, up simulate.Uplink) {
	message, err := up.Node.Decoder().Decode(&up.Uplink)
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		u.undecoded = err
		return
	}
	u.count++
	u.last[by] = up.ReceivedAt
	for _, s := range message.Samples {
		u.samples[sampleKey{up.Node.ID(), s.Time.Unix()}] = true
	}
}

// stop returns how many uplinks were sent, their samples, and until when all nodes have been
// played.
func (u *uplinks) stop() (count int, samples map[sampleKey]bool, until time.Time, err error) {
	u.cancel()
	err = u.ways.Wait()
	for _, last := range u.last {
		if until.IsZero() || last.Before(until) {
			until = last
		}
	}
	return u.count, u.samples, until, errors.Join(err, u.undecoded)
}
