package moving

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
)

// batchRows is how many samples are read and staged at once, and flushRows how many one
// transaction stores: enough that its end costs nothing, few enough that a handful at
// the same time take little memory.
const (
	batchRows = 25_000
	flushRows = 5_000
)

// loadedSample is a sample on its way to the database, as small as it can be. Values
// that are not known are noValue.
type loadedSample struct {
	node                       uuid.UUID
	seconds                    int64 // since 1970
	co2, temperature, humidity int32
	status                     measurement.Status
	implausible                bool
}

const noValue = math.MinInt32

func newLoadedSample(s *fixture.Sample) loadedSample {
	l := loadedSample{
		node: s.Node, seconds: s.Time.Unix(), co2: int32(s.CO2PPM), temperature: noValue, humidity: noValue, //nolint:gosec // package fixture has looked that they fit
		status: s.Status, implausible: s.Fault != nil,
	}
	if s.TemperatureDecicelsius.Known {
		l.temperature = int32(s.TemperatureDecicelsius.Value) //nolint:gosec // as above
	}
	if s.RelHumidityPercent.Known {
		l.humidity = int32(s.RelHumidityPercent.Value) //nolint:gosec // as above
	}
	return l
}

func (l *loadedSample) sample() measurement.Sample {
	s := measurement.Sample{Time: time.Unix(l.seconds, 0).UTC(), CO2PPM: int(l.co2), Status: l.status}
	if l.temperature != noValue {
		s.TemperatureDecicelsius = measurement.Known(int(l.temperature))
	}
	if l.humidity != noValue {
		s.RelHumidityPercent = measurement.Known(int(l.humidity))
	}
	return s
}

// handover hands batches of samples to the store that the ingestair has them kept
// by, too. It keeps its buffers for the next batch.
type handover struct {
	store keeping.Store
	now   time.Time

	flush keeping.Flush
	nodes map[uuid.UUID]int32 // index in flush.Uplinks
}

// batch stores a batch. It may be stored again: what somebody stood in the way of is
// tried again.
func (h *handover) batch(ctx context.Context, batch []loadedSample) (total fixture.SampleCount, err error) {
	for part := range slices.Chunk(batch, flushRows) {
		h.gather(part)
		err := retry(ctx, func() error {
			return keeping.All(ctx, h.store, &h.flush, func(*keeping.Uplink, *keeping.Row, *keeping.ReadingRow, error) {})
		})
		if err != nil {
			return total, fmt.Errorf("store samples: %w", err)
		}
		total.Add(h.count())
	}
	return total, nil
}

func (h *handover) gather(batch []loadedSample) {
	f := &h.flush
	*f = keeping.Flush{At: h.now, Past: true, Uplinks: f.Uplinks[:0], Rows: f.Rows[:0], Rejected: f.Rejected[:0]}
	if h.nodes == nil {
		h.nodes = map[uuid.UUID]int32{}
	}
	clear(h.nodes)
	for i := range batch {
		l := &batch[i]
		s := l.sample()
		if l.implausible {
			// The same rules at the same time as before.
			f.Rejected = append(f.Rejected, keeping.RejectedRow{NodeID: l.node, Sample: s, Fault: s.Check(h.now)})
			continue
		}
		uplink, ok := h.nodes[l.node]
		if !ok {
			uplink = int32(len(f.Uplinks)) //nolint:gosec // batches are far smaller
			h.nodes[l.node] = uplink
			f.Uplinks = append(f.Uplinks, &keeping.Uplink{NodeID: l.node})
		}
		f.Rows = append(f.Rows, keeping.Row{Sample: s, Uplink: uplink})
	}
}

// count says what became of the batch.
func (h *handover) count() (n fixture.SampleCount) {
	for i := range h.flush.Rejected {
		f := h.flush.Rejected[i].Fault
		n.Reject(f.Code() + " " + f.Field)
	}
	for i := range h.flush.Rows {
		switch r := &h.flush.Rows[i]; r.Outcome {
		case keeping.Stored:
			n.Stored++
		case keeping.Duplicate:
			n.Duplicate++
		case keeping.Conflict:
			n.Conflict++
		case keeping.Parked:
			n.Parked++
		default:
			n.Reject(r.Fault.Detail)
		}
	}
	return n
}
