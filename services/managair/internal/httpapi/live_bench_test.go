package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	stream "github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// BenchmarkLive publishes 1,000 samples a second, which each of the listeners gets
// over a TCP connection of their own; an iteration takes a second. It reports the time
// from Publish (what ingestair calls after the commit) to the arrival, and the memory
// of the process, clients included, for each listener more than one. One listener is
// the floor: Redis, pacing and HTTP without the fan-out.
func BenchmarkLive(b *testing.B) {
	for _, listeners := range []int{1, benchsize.Of(1000, 20)} {
		b.Run(strconv.Itoa(listeners), func(b *testing.B) { benchmarkLive(b, listeners) })
	}
}

const (
	benchTick    = 50 * time.Millisecond
	benchPerTick = 50
)

func benchmarkLive(b *testing.B, listeners int) {
	b.Helper()
	th := newTheatre(b)
	// A node for each sample of a tick.
	th.exec(b, `
		WITH n AS (
		  INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
		  SELECT gen_random_uuid(), 'FF' || lpad(upper(to_hex(g)), 14, '0'), 'Node', 1, 1, 1 FROM generate_series(1, $1::integer) g RETURNING id)
		INSERT INTO installation (node_id, room_id, from_time, is_public) SELECT id, 1, '2000-01-01T00:00:00Z', true FROM n`, benchPerTick)
	nos := make([]int32, 0, benchPerTick)
	rows, err := th.pool.Query(b.Context(), `SELECT no FROM node WHERE alias = 'Node'`)
	if err != nil {
		b.Fatal(err)
	}
	for rows.Next() {
		var no int32
		if err := rows.Scan(&no); err != nil {
			b.Fatal(err)
		}
		nos = append(nos, no)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)

	// The time of a sample is the number of its tick.
	var mu sync.Mutex
	published := map[int64]time.Time{}
	delays := make([]time.Duration, 0, 1<<20)
	ctx, cancel := context.WithCancel(b.Context())
	var ready, ears sync.WaitGroup
	var received, dropped, resets atomic.Int64
	for range listeners {
		ready.Add(1)
		ears.Go(func() {
			// A listener who is dropped comes back and misses nothing.
			for lastID, first := "", true; ctx.Err() == nil; first = false {
				if !first {
					dropped.Add(1)
				}
				lastID = hear(ctx, th, lastID, func() {
					if first {
						ready.Done()
					}
				}, func(samples int, tick int64) {
					now := time.Now()
					received.Add(int64(samples))
					mu.Lock()
					delays = append(delays, now.Sub(published[tick]))
					mu.Unlock()
				}, func() { resets.Add(1) })
			}
		})
	}
	ready.Wait()

	tick := int64(1_000_000_000)
	ticker := time.NewTicker(benchTick)
	defer ticker.Stop()
	sent := 0
	for b.Loop() {
		for range int(time.Second / benchTick) {
			<-ticker.C
			tick++
			batch := make([]stream.Sample, len(nos))
			for i, no := range nos {
				batch[i] = stream.Sample{NodeNo: no, Sample: measurement.Sample{Time: time.Unix(tick, 0), CO2PPM: 700, Status: 'M'}}
			}
			mu.Lock()
			published[tick] = time.Now()
			mu.Unlock()
			th.publisher.Publish(batch...)
			sent += len(batch)
		}
	}
	runtime.ReadMemStats(&after)
	elapsed := b.Elapsed()
	arrived := func() bool { return received.Load() >= int64(sent*listeners) }
	for deadline := time.After(30 * time.Second); !arrived(); {
		select {
		case <-deadline:
			// On a machine so busy that Redis does not answer in time samples are lost, and
			// listeners told so. Without that, all must arrive.
			if resets.Load() == 0 {
				b.Fatalf("%d of %d events arrived", received.Load(), sent*listeners)
			}
			b.Logf("%d of %d events arrived, and listeners were told %d times that some may be missing", received.Load(), sent*listeners, resets.Load())
			sent = int(received.Load()) / listeners
		case <-ticker.C:
		}
	}
	drops := dropped.Load()
	cancel()
	ears.Wait()
	slices.Sort(delays)
	quantile := func(q float64) float64 { return delays[int(q*float64(len(delays)-1))].Seconds() * 1000 }
	b.ReportMetric(quantile(0.5), "p50-ms")
	b.ReportMetric(float64(drops), "drops")
	b.ReportMetric(quantile(0.99), "p99-ms")
	b.ReportMetric(float64(sent*listeners)/elapsed.Seconds(), "events/s")
	if listeners > 1 {
		b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/float64(listeners)/1024, "kB/listener")
	}
}

// hear listens on a connection until it ends, and returns the id of the last event.
func hear(ctx context.Context, th *theatre, lastID string, ready func(), sample func(samples int, tick int64), reset func()) string {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", th.server.Listener.Addr().String())
	if err != nil {
		return lastID
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	fmt.Fprintf(conn, "GET /api/v1/rooms/1/live?last_event_id=%s HTTP/1.0\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n", lastID)
	lines := bufio.NewReaderSize(conn, 16<<10)
	id := lastID
	for {
		line, err := lines.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // what was missed comes in long lines
			var rest []byte
			line = slices.Clone(line)
			rest, err = lines.ReadSlice('\n')
			line = append(line, rest...)
		}
		switch {
		case err != nil:
			return lastID
		case bytes.HasPrefix(line, []byte("id: ")):
			id = string(bytes.TrimSpace(line[4:]))
		case bytes.HasPrefix(line, []byte(`data: {"installations"`)):
			ready()
		case bytes.HasPrefix(line, []byte("event: reset")):
			reset()
		case len(bytes.TrimSpace(line)) == 0:
			lastID = id
		case bytes.HasPrefix(line, []byte("data: [{")):
			_, last, _ := bytes.Cut(line[bytes.LastIndex(line, []byte(`"timestamp_s":`)):], []byte(":"))
			number, _, _ := bytes.Cut(last, []byte(","))
			tick, _ := strconv.ParseInt(string(number), 10, 64)
			sample(bytes.Count(line, []byte(`"co2_ppm"`)), tick)
			lastID = id // the id stands before the data
		}
	}
}
