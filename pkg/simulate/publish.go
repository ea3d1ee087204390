package simulate

import (
	"context"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// Publishing says how uplinks are published.
type Publishing struct {
	// From is where the simulated clock begins. It must not be in the future.
	From time.Time
	// Speed is how much faster than real time the simulated clock runs until it has
	// caught up with the present; then it runs in real time. 0: as fast as it goes.
	Speed float64
	// CatchUp ends the simulation when it has caught up.
	CatchUp bool
	// Applications are those of the models at the network server.
	Applications map[Model]ttn.Application
	// QoS is the MQTT quality of service, 0 or 1. The Things Stack has 0 only, but 1
	// makes sure that the broker has what we count.
	QoS byte
	// Progress is told of each published uplink; may be nil.
	Progress func(Uplink)
}

// window is how many publications may wait for the broker's acknowledgement.
const window = 256

// Publish publishes the uplinks of nodes until ctx ends or, if it should, until the
// present is reached.
func Publish(ctx context.Context, client mqtt.Client, nodes []*Node, p Publishing) error {
	waiting := make(chan mqtt.Token, window)
	settle := func() error {
		t := <-waiting
		select {
		case <-t.Done():
			return t.Error()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := Play(ctx, nodes, p, func(u Uplink) error {
		if len(waiting) == window {
			if err := settle(); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
		topic, payload := u.Message(p.Applications[u.Node.Model])
		waiting <- client.Publish(topic, p.QoS, false, payload)
		return nil
	})
	if err != nil {
		return err
	}
	for len(waiting) > 0 {
		if err := settle(); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}

// Play hands out the uplinks of nodes when each is due, until send has an error, ctx ends or,
// if it should, the present is reached.
func Play(ctx context.Context, nodes []*Node, p Publishing, send func(Uplink) error) error {
	start := time.Now()
	to := start
	if !p.CatchUp {
		to = start.AddDate(100, 0, 0)
	}
	for u := range Uplinks(nodes, p.From, to) {
		if err := sleepUntil(ctx, p.due(u.ReceivedAt, start)); err != nil {
			return err
		}
		if err := send(u); err != nil {
			return err
		}
		if p.Progress != nil {
			p.Progress(u)
		}
	}
	return nil
}

// due is when an uplink of the simulated time at is to be published, after a start.
// That is never before at.
func (p *Publishing) due(at, start time.Time) time.Time {
	if p.Speed == 0 {
		return at
	}
	fast := start.Add(time.Duration(float64(at.Sub(p.From)) / p.Speed))
	if fast.Before(at) {
		return at
	}
	return fast
}

func sleepUntil(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
