// Package embedded runs stand-ins for servers inside this process, for the demo
// on machines that lack the real ones. They lose what they hold when the process
// ends, and the broker may lose messages under load: they are for looking, never
// in front of data that somebody wants back.
package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/alicebob/miniredis/v2"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"github.com/clairberlin/clair-stack/pkg/mochi"
)

// Redis is a Redis in memory.
type Redis struct {
	address string
	stop    context.CancelFunc
	stopped chan struct{}
}

// StartRedis starts a Redis on an address, host:port.
func StartRedis(address string) (*Redis, error) {
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr(address); err != nil {
		return nil, fmt.Errorf("start embedded redis: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Redis{address: m.Addr(), stop: cancel, stopped: make(chan struct{})}
	go func() {
		defer close(r.stopped)
		defer m.Close()
		// Its keys expire only by clock ticks that it is given.
		const tick = time.Second
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				m.FastForward(tick)
			case <-ctx.Done():
				return
			}
		}
	}()
	return r, nil
}

// URL is the connection string.
func (r *Redis) URL() string { return "redis://" + r.address + "/0" }

// Stop ends the server.
func (r *Redis) Stop() {
	r.stop()
	<-r.stopped
}

// Broker is an MQTT broker that lets everyone in.
type Broker struct {
	address string
	server  *mqtt.Server
}

// StartBroker starts a broker on an address, host:port.
func StartBroker(address string, log *slog.Logger) (*Broker, error) {
	capabilities := mqtt.NewDefaultServerCapabilities()
	// A forwarder that waits for a commit must not lose what arrives meanwhile.
	capabilities.MaximumClientWritesPending = 1 << 16
	s := mqtt.New(&mqtt.Options{Capabilities: capabilities, Logger: log})
	tcp := listeners.NewTCP(listeners.Config{ID: "mqtt", Address: address})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		return nil, fmt.Errorf("start embedded MQTT broker: %w", err)
	}
	if err := s.AddListener(tcp); err != nil {
		return nil, fmt.Errorf("start embedded MQTT broker: %w", err)
	}
	if err := s.Serve(); err != nil {
		return nil, fmt.Errorf("start embedded MQTT broker: %w", err)
	}
	return &Broker{address: tcp.Address(), server: s}, nil
}

// URL is the address as MQTT clients write it.
func (b *Broker) URL() string { return "tcp://" + b.address }

// Stop ends the broker.
func (b *Broker) Stop() error { return mochi.Close(b.server) }
