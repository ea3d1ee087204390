package forwarder

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// clockTolerance is how far an uplink may come from the future before we say that our clock
// is wrong. Samples further ahead than measurement.MaxAhead wait until their time has come.
const clockTolerance = time.Minute

// ownClock compares our clock with the network server's. An uplink from the future is a
// proof that ours is behind, or theirs ahead; one from the past may have been under way, so that it is
// ahead can be seen in the metric only, when it stays.
type ownClock struct {
	metrics *metrics
	behind  atomic.Int64 // nanoseconds, as of the latest uplink over MQTT
}

func (c *ownClock) observe(source ingestv1.Source, u *lorawan.Uplink, arrived time.Time) {
	theirs := u.ReceivedAt
	if !u.Ahead.IsZero() {
		theirs = u.Ahead
		believed := "ours"
		if u.ReceivedAt.After(arrived.Add(lorawan.MaxAhead)) {
			believed = "theirs"
		}
		c.metrics.clockDisputes.WithLabelValues(believed).Inc()
	}
	if source != ingestv1.Source_SOURCE_MQTT || u.ReceivedAt.IsZero() {
		return
	}
	offset := arrived.Sub(theirs)
	c.metrics.clockOffset.Set(offset.Seconds())
	c.behind.Store(int64(-offset))
}

// check says whether our clock is known to be wrong.
func (c *ownClock) check(context.Context) error {
	if behind := time.Duration(c.behind.Load()); behind > clockTolerance {
		return fmt.Errorf("our clock is %v behind the network server's, or that one is ahead: look after the time synchronization of both hosts", behind.Round(time.Second))
	}
	return nil
}
