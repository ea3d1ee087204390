package app

import (
	"sync"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/live"
)

// liveFeed hands what was stored to live listeners.
type liveFeed struct {
	*live.Publisher

	buffers sync.Pool
}

// Stored implements ingest.Listener.
func (f *liveFeed) Stored(rows []keeping.Row) {
	buffer, _ := f.buffers.Get().(*[]live.Sample)
	if buffer == nil {
		buffer = new([]live.Sample)
	}
	samples := (*buffer)[:0]
	for i := range rows {
		if r := &rows[i]; r.Outcome == keeping.Stored {
			samples = append(samples, live.Sample{NodeNo: r.NodeNo, Sample: r.Sample})
		}
	}
	f.Publish(samples...)
	*buffer = samples
	f.buffers.Put(buffer)
}
