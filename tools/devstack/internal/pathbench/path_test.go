// Package pathbench measures the way of an uplink: from a Mosquitto through the
// forwarder and the ingestair until it is committed in a durable PostgreSQL, all
// of them processes of this machine, and the publisher too. Each figure stands
// beside its floor: a consumer of the same messages that throws them away.
package pathbench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	"github.com/clairberlin/clair-stack/pkg/codec/anysensor"
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/inventory"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

const (
	nodes     = 500
	firstNode = lorawan.EUI64(0x02C1A1BE00000000)
	// firstMapped is the first of the nodes of another make.
	firstMapped = lorawan.EUI64(0x02C1A1BE01000000)
	perUplink   = 3 // samples
	uplinkGap   = 10 * time.Minute
)

// uplinkCount is how many uplinks are published as fast as can be, each time.
var uplinkCount = benchsize.Of(40_000, 1_000)

var app = ttn.Application{ID: stack.ClairchenApplication, Tenant: stack.Tenant}

// message is the i-th uplink after a time, as The Things Stack publishes it. No two
// have a sample of the same second and node.
func message(after time.Time, i int) (topic string, payload []byte) {
	u := lorawan.Uplink{
		DevEUI: firstNode + lorawan.EUI64(i%nodes), DeviceID: fmt.Sprintf("node-%d", i%nodes), FPort: clairchen.FPort, FCnt: uint32(i),
		Payload: []byte{2, 0x1B, 0xE4, 0x1A, 0xE4, 0x19, 0xE3}, ReceivedAt: receivedAt(after, i),
		DataRate: lorawan.SF9BW125, Reception: &lorawan.Reception{RSSIdBm: -80, SNRdB: 7.5},
	}
	return app.UplinkTopic(u.DeviceID), ttn.EncodeUplink(app, &u)
}

// mapped is the same of a sensor of another make: what the network server has decoded is read,
// a sample and a reading.
func mapped(after time.Time, i int) (topic string, payload []byte) {
	u := lorawan.Uplink{
		DevEUI: firstMapped + lorawan.EUI64(i%nodes), DeviceID: fmt.Sprintf("node-%d", i%nodes), FPort: 85, FCnt: uint32(i),
		Payload: []byte("\x01\x75\x5C\x03\x67\xEE\x00\x04\x68\x7C\x05\x00\x01\x06\xCB\x02\x07\x7D\xE7\x04\x08\xE6\x64\x00\x09\x73\xF4\x27"),
		Profile: "milesight-iot/am307", ReceivedAt: receivedAt(after, i), DataRate: lorawan.SF9BW125, Reception: &lorawan.Reception{RSSIdBm: -80, SNRdB: 7.5},
		Decoded: `{"battery":92,"co2":1255,"humidity":62,"light_level":2,"pir":"trigger","pressure":1022.8,"temperature":23.8,"tvoc":100}`,
	}
	app := ttn.Application{ID: stack.LoRaWANApplication, Tenant: stack.Tenant}
	return app.UplinkTopic(u.DeviceID), ttn.EncodeUplink(app, &u)
}

func receivedAt(after time.Time, i int) time.Time {
	return after.Add(time.Duration(i/nodes) * uplinkGap)
}

type installation struct {
	*stacktest.Stack

	begin time.Time // of the month that was used last
}

// month returns the beginning of a month in which there is no sample yet. Each is
// before the last one: what is in the future would be rejected.
func (s *installation) month() time.Time {
	s.begin = s.begin.AddDate(0, -1, 0)
	return s.begin
}

func start(b *testing.B) *installation {
	b.Helper()
	s := &installation{begin: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Stack: stacktest.Start(b, stacktest.Options{
		// The time of each commit, for the latency.
		Durable: true, PostgresSettings: []string{"track_commit_timestamp=on"},
	})}
	o := inventory.Organization{
		Name: "Measurements",
		Sites: []inventory.Site{{Name: "Bench", Street: "Street 1", Zip: "10115", City: "Berlin", Rooms: []inventory.Room{
			{Name: "Room", SizeSqm: 20, HeightM: 3, MaxOccupancy: 4},
		}}},
	}
	room := &o.Sites[0].Rooms[0]
	for i := range nodes {
		room.Nodes = append(room.Nodes, inventory.Node{
			DevEUI: firstNode + lorawan.EUI64(i), Protocol: clairchen.Protocol, Model: inventory.Clairchen,
			Alias: fmt.Sprint("node ", i), From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		}, inventory.Node{
			DevEUI: firstMapped + lorawan.EUI64(i), Protocol: anysensor.Protocol, Model: inventory.AM307,
			Alias: fmt.Sprint("other node ", i), From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		})
	}
	s.Load(b, &o)
	return s
}

// BenchmarkPath is one run of all measurements, since they share a stack.
func BenchmarkPath(b *testing.B) {
	s := start(b)
	forwarder := s.ClairchenForwarder
	b.Run("idle", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(rss(b, forwarder.PID()), "forwarder-MB")
		b.ReportMetric(0, "ns/op")
	})
	publisher := s.NetworkServer(b)
	b.Run("floor", func(b *testing.B) { s.floor(b, publisher, message) })
	b.Run("throughput", func(b *testing.B) {
		for b.Loop() {
			s.throughput(b, publisher, s.month(), forwarder, message, perUplink)
		}
	})
	other := s.NewForwarder(stack.LoRaWANApplication, "lorawan-forwarder")
	if err := other.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("mapped-floor", func(b *testing.B) { s.floor(b, publisher, mapped) })
	b.Run("mapped", func(b *testing.B) {
		for b.Loop() {
			s.throughput(b, publisher, s.month(), other, mapped, 1)
		}
	})
	if err := other.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("latency", func(b *testing.B) {
		for b.Loop() {
			s.latency(b, publisher, s.month())
		}
	})
	b.Run("waiting", func(b *testing.B) { s.waiting(b, publisher) })
}

// publish publishes messages as fast as it can, and returns how long it took until
// done is true.
func publish(b *testing.B, publisher mqtt.Client, messages [][2]string, done func() bool) time.Duration {
	b.Helper()
	begin := time.Now()
	for _, m := range messages {
		publisher.Publish(m[0], 0, false, m[1])
	}
	const bound = 2 * time.Minute
	for !done() {
		if time.Since(begin) > bound {
			b.Fatal("not all uplinks arrived")
		}
		time.Sleep(2 * time.Millisecond) // between two looks
	}
	return time.Since(begin)
}

func messages(after time.Time, count int, message func(time.Time, int) (string, []byte)) [][2]string {
	all := make([][2]string, count)
	for i := range all {
		topic, payload := message(after, i)
		all[i] = [2]string{topic, string(payload)}
	}
	return all
}

func (s *installation) floor(b *testing.B, publisher mqtt.Client, message func(time.Time, int) (string, []byte)) {
	b.Helper()
	consumer := s.NetworkServer(b)
	var received atomic.Int64
	token := consumer.Subscribe("floor/#", 0, func(mqtt.Client, mqtt.Message) { received.Add(1) })
	if token.Wait() && token.Error() != nil {
		b.Fatal(token.Error())
	}
	all := messages(s.month(), uplinkCount, message)
	for i := range all {
		all[i][0] = "floor/" + all[i][0]
	}
	for b.Loop() {
		received.Store(0)
		took := publish(b, publisher, all, func() bool { return received.Load() == int64(uplinkCount) })
		b.ReportMetric(float64(uplinkCount)/took.Seconds(), "uplinks/s")
	}
	consumer.Unsubscribe("floor/#").Wait()
	b.ReportMetric(0, "ns/op")
}

func (s *installation) throughput(
	b *testing.B, publisher mqtt.Client, after time.Time, forwarder *server.Server, message func(time.Time, int) (string, []byte), perUplink int,
) {
	b.Helper()
	b.StopTimer()
	all := messages(after, uplinkCount, message)
	stages := map[string]int{
		"broker": s.Broker.PID(), "forwarder": forwarder.PID(), "ingestair": s.Ingestair.PID(),
		"postgres": s.Postgres.PID(), "redis": s.Redis.PID(),
	}
	before := map[string]time.Duration{}
	for stage, pid := range stages {
		before[stage] = cpu(b, pid)
	}
	target := s.stored(b) + uplinkCount*perUplink
	b.StartTimer()
	took := publish(b, publisher, all, func() bool { return s.stored(b) >= target })
	b.StopTimer()
	var total float64
	for stage, pid := range stages {
		used := float64((cpu(b, pid) - before[stage]).Microseconds()) / float64(uplinkCount)
		b.ReportMetric(used, stage+"-µs/uplink")
		total += used
	}
	b.ReportMetric(total, "all-µs/uplink")
	b.ReportMetric(float64(uplinkCount)/took.Seconds(), "uplinks/s")
	b.ReportMetric(0, "ns/op")
	b.StartTimer()
}

// stored is the number of samples that the ingestair has stored.
func (s *installation) stored(b *testing.B) int {
	b.Helper()
	m, err := stack.ReadMetrics(b.Context(), s.Ingestair)
	if err != nil {
		b.Fatal(err)
	}
	return int(m[`ingestair_samples_total{outcome="stored"}`])
}

// latency measures from the publication of an uplink until the database wrote its
// commit record, which the disk has within the time of one fsync.
func (s *installation) latency(b *testing.B, publisher mqtt.Client, after time.Time) {
	b.Helper()
	const rate = 1000
	count := benchsize.Of(5000, 500)
	// Each uplink has a time of its own here, by which it is known again.
	at := func(i int) time.Time { return after.Add(time.Duration(i) * time.Second) }
	target := s.stored(b) + count
	published := map[time.Time]time.Time{}
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	syncs := make(chan []time.Duration, 1)
	ended := make(chan struct{})
	go func() { syncs <- syncTimes(b, ended) }()
	for i := range count {
		u := lorawan.Uplink{
			DevEUI: firstNode + lorawan.EUI64(i%nodes), DeviceID: "node", FPort: clairchen.FPort, FCnt: uint32(i), Payload: []byte{0, 0x1B, 0xE4},
			ReceivedAt: at(i), DataRate: lorawan.SF9BW125, Reception: &lorawan.Reception{RSSIdBm: -80, SNRdB: 7.5},
		}
		encoded := ttn.EncodeUplink(app, &u)
		<-tick.C
		published[at(i)] = time.Now()
		publisher.Publish(app.UplinkTopic("node"), 0, false, encoded)
	}
	publish(b, publisher, nil, func() bool { return s.stored(b) >= target })
	close(ended)
	conn, err := pgx.Connect(b.Context(), s.DatabaseURL)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(b.Context(), "SELECT time, pg_xact_commit_timestamp(xmin) FROM sample WHERE time >= $1 AND time < $2", at(0), at(count))
	if err != nil {
		b.Fatal(err)
	}
	var delays []time.Duration
	var sampled, committed time.Time
	_, err = pgx.ForEachRow(rows, []any{&sampled, &committed}, func() error {
		delays = append(delays, committed.Sub(published[sampled.UTC()]))
		return nil
	})
	if err != nil || len(delays) != count {
		b.Fatalf("%d of %d uplinks were committed: %v", len(delays), count, err)
	}
	report(b, "", delays)
	report(b, "fsync-", <-syncs)
	b.ReportMetric(0, "ns/op")
}

func report(b *testing.B, what string, times []time.Duration) {
	b.Helper()
	slices.Sort(times)
	b.ReportMetric(times[len(times)/2].Seconds()*1e3, what+"p50-ms")
	b.ReportMetric(times[len(times)*99/100].Seconds()*1e3, what+"p99-ms")
}

// syncTimes measures, until it is told to end, how long the disk takes for what each
// commit waits for. It is the floor of the latency: all else on the way takes no more
// than a millisecond.
func syncTimes(b *testing.B, end <-chan struct{}) (times []time.Duration) {
	b.Helper()
	file, err := os.Create(filepath.Join(b.TempDir(), "floor"))
	if err != nil {
		b.Error(err)
		return []time.Duration{0}
	}
	defer func() { _ = file.Close() }()
	block := make([]byte, 8<<10)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		begin := time.Now()
		if _, err := file.Write(block); err != nil {
			b.Error(err)
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			b.Error(err)
		}
		times = append(times, time.Since(begin))
		select {
		case <-tick.C:
		case <-end:
			return times
		}
	}
}

// waiting measures the memory of a forwarder in which 100,000 uplinks wait.
func (s *installation) waiting(b *testing.B, publisher mqtt.Client) {
	b.Helper()
	count := benchsize.Of(100_000, 5_000)
	app := ttn.Application{ID: "waiting", Tenant: stack.Tenant}
	f := s.NewForwarder(stack.ClairchenApplication, "waiting", "REDIS_URL=", "MQTT_CLIENT_ID=waiting", "MQTT_TOPIC="+app.UplinkTopic("+"))
	if err := f.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	s.Ingestair.Kill()
	batch := messages(s.month(), count/10, message)
	for i := range batch {
		batch[i][0] = app.UplinkTopic("node")
	}
	waiting := func() int {
		m, err := stack.ReadMetrics(b.Context(), f)
		if err != nil {
			b.Fatal(err)
		}
		return int(m["forwarder_waiting_uplinks"])
	}
	for i := range 10 {
		// Two batches are in the couriers' hands.
		publish(b, publisher, batch, func() bool { return waiting() >= (i+1)*len(batch)-2000 })
	}
	b.ReportMetric(rss(b, f.PID()), "forwarder-MB")
	b.ReportMetric(float64(waiting()), "uplinks")
	b.ReportMetric(0, "ns/op")
	f.Kill()
	if err := s.Ingestair.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// rss returns the memory of a process in MB.
func rss(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb / 1000
		}
	}
	b.Fatal("no VmRSS")
	return 0
}

// cpu returns the CPU time that a process and its children have used.
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	var ticks int64
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		id, _, _ := strings.Cut(string(content), " ")
		// The name in parentheses may have blanks.
		_, rest, _ := strings.Cut(string(content), ") ")
		fields := strings.Fields(rest)
		const parent, user, system, childrenUser, childrenSystem = 1, 11, 12, 13, 14
		own, child := id == strconv.Itoa(pid), fields[parent] == strconv.Itoa(pid)
		if own || child {
			ticks += number(fields[user]) + number(fields[system])
		}
		if own { // of children that have ended
			ticks += number(fields[childrenUser]) + number(fields[childrenSystem])
		}
	}
	const perSecond = 100 // USER_HZ on Linux
	return time.Duration(ticks) * time.Second / perSecond
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}
