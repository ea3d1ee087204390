package pathbench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

const (
	rulesOfNode        = 10
	alertOrganizations = 10
	firstAlertNode     = lorawan.EUI64(0x02C1A1BE10000000)
	alarming, ordinary = 0xFF, 40 // in steps of 20 ppm
)

var (
	alertNodes = benchsize.Of(10_000, 100)
	// alertRounds is how often each sensor sends: once a second, as far as the machine can.
	alertRounds = benchsize.Of(30, 3)
	// probesOfRound is how many of them send what somebody is told of.
	probesOfRound = benchsize.Of(20, 5)
)

// calls is a receiver of webhooks, which notes when it was told of a sensor.
type calls struct {
	mu   sync.Mutex
	told map[uuid.UUID]time.Time
}

type event struct {
	Type string
	Data struct {
		Sensor struct{ ID uuid.UUID }
		Events []event
	}
}

// ServeHTTP takes a call.
func (c *calls) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	body, err := io.ReadAll(r.Body)
	var e event
	if err != nil || json.Unmarshal(body, &e) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range append(e.Data.Events, e) {
		if _, twice := c.told[one.Data.Sensor.ID]; !twice && strings.HasSuffix(one.Type, "alert.opened") {
			c.told[one.Data.Sensor.ID] = now
		}
	}
}

// of returns when the receiver was told of sensors, as far as it was.
func (c *calls) of(sensors map[uuid.UUID]time.Time) (delays []time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, published := range sensors {
		if at, ok := c.told[id]; ok {
			delays = append(delays, at.Sub(published))
		}
	}
	return delays
}

// alertWorld has organizations with their sites, each with a channel, and a room for each sensor.
const alertWorld = `
INSERT INTO organization (id, name) SELECT 900 + o, 'Organization ' || o FROM generate_series(0, 9) o;
INSERT INTO address (id, street1, zip, city) VALUES (901, 'Street', '12345', 'Berlin');
INSERT INTO site (id, name, address_id, operator_id) SELECT 900 + o, 'Site ' || o, 901, 900 + o FROM generate_series(0, 9) o;
INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type) VALUES (901, 'm', 't', 'm', 's');
INSERT INTO notification_channel (organization_id, kind, name, language, target, secret, confirmed_at)
SELECT 900 + o, 'webhook', 'Ours', 'en', 'localhost', jsonb_build_object('address', $1::text, 'key', 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='), now()
  FROM generate_series(0, 9) o`

// alertRules are ten of each sensor, of which one speaks of what is alarming; the others look at the same samples. That a
// hundred thousand rules are there from one moment to the next happens here only, and the database has no figures of them
// before its minute is over.
const alertRules = `
INSERT INTO room (id, site_id, name) SELECT 100000 + n.no, n.owner_id, n.alias FROM node n WHERE n.owner_id >= 900;
INSERT INTO installation (node_id, room_id, from_time, is_public) SELECT n.id, 100000 + n.no, '2026-01-01', false FROM node n WHERE n.owner_id >= 900;
INSERT INTO alert_rule (name, organization_id, personal, node_id, enabled, condition, quantity, threshold, for_s, occupied_only, tell_recovery, time_zone)
SELECT 'Rule ' || k, n.owner_id, false, n.id, true, 'above', 'co2_ppm', 4000 + 500 * (k - 1) + CASE WHEN k > 1 THEN 1000 ELSE 0 END, 0, false, true, 'UTC'
  FROM node n, generate_series(1, 10) k WHERE n.owner_id >= 900;
ANALYZE organization, site, room, node, installation, alert_rule, notification_channel`

func alertNodeID(i int) uuid.UUID {
	return measurement.NodeID(clairchen.Protocol, firstAlertNode+lorawan.EUI64(i))
}

// watched makes the world, and waits until the worker watches all of it.
func (s *installation) watched(b *testing.B, address string) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), s.DatabaseURL)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(b.Context()) }()
	rows := make([][]any, alertNodes)
	for i := range rows {
		rows[i] = []any{alertNodeID(i), fmt.Sprintf("%016X", uint64(firstAlertNode)+uint64(i)), fmt.Sprint("Sensor ", i), int64(901), int64(900 + i%alertOrganizations)}
	}
	err = pgx.BeginFunc(b.Context(), conn, func(tx pgx.Tx) error {
		for sql := range strings.SplitSeq(alertWorld, ";\n") {
			var args []any
			if strings.Contains(sql, "$1") {
				args = []any{address}
			}
			if _, err := tx.Exec(b.Context(), sql, args...); err != nil {
				return err
			}
		}
		var protocol int64
		if err := tx.QueryRow(b.Context(), "SELECT id FROM node_protocol ORDER BY id LIMIT 1").Scan(&protocol); err != nil {
			return err
		}
		for i := range rows {
			rows[i] = append(rows[i], protocol)
		}
		if _, err := tx.CopyFrom(b.Context(), pgx.Identifier{"node"}, []string{"id", "eui64", "alias", "model_id", "owner_id", "protocol_id"}, pgx.CopyFromRows(rows)); err != nil {
			return err
		}
		for sql := range strings.SplitSeq(alertRules, ";\n") {
			if _, err := tx.Exec(b.Context(), sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	stacktest.Eventually(b, "what the worker watches", fmt.Sprint(alertNodes*rulesOfNode), func() string {
		m, err := stack.ReadMetrics(b.Context(), s.Worker)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(int(m["managair_alert_watches"]))
	})
}

// mostOnTheWay is how many uplinks are published and not stored yet at the most: what waits for a machine that cannot do
// more says nothing of how long anything takes.
const mostOnTheWay = 2000

// play has each sensor send once a second, or as often as the machine can, and returns when those sent what is alarming,
// and how many samples a second that were in all. arrived is how many uplinks have come to the end of their way.
func play(topic func(id string) string, publisher mqtt.Client, first int, arrived func() int) (probes map[uuid.UUID]time.Time, rate float64) {
	probes = map[uuid.UUID]time.Time{}
	before := arrived()
	begin := time.Now()
	base := begin.Truncate(time.Second)
	for round := range alertRounds {
		for i := range alertNodes {
			value := byte(ordinary)
			// Each alarms once, in a round of its own: in the next one it has recovered.
			if probe := i - first - round*probesOfRound; probe >= 0 && probe < probesOfRound && round < alertRounds-1 {
				value = alarming
				probes[alertNodeID(i)] = time.Now()
			}
			u := lorawan.Uplink{
				DevEUI: firstAlertNode + lorawan.EUI64(i), DeviceID: fmt.Sprint("alert-", i), FPort: clairchen.FPort, FCnt: uint32(round + 1),
				Payload: []byte{0, value, 0xE4}, ReceivedAt: base.Add(time.Duration(round) * time.Second),
				DataRate: lorawan.SF9BW125, Reception: &lorawan.Reception{RSSIdBm: -80, SNRdB: 7.5},
			}
			publisher.Publish(topic(u.DeviceID), 0, false, ttn.EncodeUplink(app, &u))
			if i%100 == 99 {
				due := begin.Add(time.Duration(round)*time.Second + time.Duration(i)*time.Second/time.Duration(alertNodes))
				time.Sleep(time.Until(due)) // as sensors do
			}
			if n := round*alertNodes + i + 1; n%500 == 0 {
				for n-arrived()+before > mostOnTheWay {
					time.Sleep(10 * time.Millisecond) // between two looks
				}
			}
		}
	}
	return probes, float64(alertNodes*alertRounds) / time.Since(begin).Seconds()
}

// BenchmarkAlert measures from the publication of an uplink until a webhook is called because of what it says: broker, forwarder,
// ingestair, live stream, rules, outbox, courier, receiver, while ten thousand sensors send once a second and a hundred
// thousand rules look at them. The floor is a consumer of the same messages that calls the receiver itself.
func BenchmarkAlert(b *testing.B) {
	told := &calls{told: map[uuid.UUID]time.Time{}}
	receiver := httptest.NewServer(told)
	b.Cleanup(receiver.Close)
	s := &installation{Stack: stacktest.Start(b, stacktest.Options{Durable: true, Change: func(o *stack.Options) {
		o.Env = append(o.Env, "NOTIFICATION_PRIVATE_NETWORKS=127.0.0.0/8")
	}})}
	publisher := s.NetworkServer(b)
	b.Run("floor", func(b *testing.B) {
		b.StopTimer()
		consumer := s.NetworkServer(b)
		var received atomic.Int64
		token := consumer.Subscribe("floor/#", 0, func(_ mqtt.Client, m mqtt.Message) {
			received.Add(1)
			u, err := ttn.ParseUplink(m.Payload(), time.Now())
			if err != nil || u.Payload[1] != alarming {
				return
			}
			body, _ := json.Marshal(map[string]any{"type": "alert.opened", "data": map[string]any{"sensor": map[string]any{"id": measurement.NodeID(clairchen.Protocol, u.DevEUI)}}})
			if answer, err := http.Post(receiver.URL, "application/json", strings.NewReader(string(body))); err == nil { //nolint:noctx // the floor
				_ = answer.Body.Close()
			}
		})
		if token.Wait() && token.Error() != nil {
			b.Fatal(token.Error())
		}
		s.alerted(b, told, func(id string) string { return "floor/" + app.UplinkTopic(id) }, publisher, 0, func() int { return int(received.Load()) })
		consumer.Unsubscribe("floor/#").Wait()
	})
	s.watched(b, receiver.URL)
	b.Run("path", func(b *testing.B) {
		b.StopTimer()
		parts, used, began := s.alertParts(b), cpu(b, s.Worker.PID()), time.Now()
		s.alerted(b, told, app.UplinkTopic, publisher, alertRounds*probesOfRound, func() int { return s.stored(b) })
		took := time.Since(began).Seconds()
		used = cpu(b, s.Worker.PID()) - used
		b.ReportMetric(used.Seconds()/took, "worker-cores")
		b.ReportMetric(used.Seconds()*10_000/float64(b.N*alertNodes*alertRounds), "cores-at-10k/s")
		for part, seconds := range s.alertParts(b) {
			b.ReportMetric((seconds-parts[part])/took*100, part+"-%")
		}
		s.stages(b)
	})
}

// alertParts returns how many seconds the parts of the judging took in which no sample is heard.
func (s *installation) alertParts(b *testing.B) map[string]float64 {
	b.Helper()
	m, err := stack.ReadMetrics(b.Context(), s.Worker)
	if err != nil {
		b.Fatal(err)
	}
	parts := map[string]float64{}
	for name, seconds := range m {
		if part, ok := strings.CutPrefix(name, `managair_alert_part_seconds_sum{part="`); ok {
			parts[strings.TrimSuffix(part, `"}`)] = seconds
		}
	}
	return parts
}

// alerted plays the load and waits until the receiver was told of all that was alarming.
func (s *installation) alerted(b *testing.B, told *calls, topic func(string) string, publisher mqtt.Client, first int, arrived func() int) {
	b.Helper()
	for range b.N {
		b.StartTimer()
		probes, rate := play(topic, publisher, first, arrived)
		b.StopTimer()
		if len(probes) == 0 {
			b.Fatal("nothing was alarming")
		}
		stacktest.Eventually(b, "sensors of which the receiver was told", fmt.Sprint(len(probes)), func() string { return fmt.Sprint(len(told.of(probes))) })
		report(b, "", told.of(probes))
		b.ReportMetric(rate, "samples/s")
		b.ReportMetric(0, "ns/op")
	}
}

// stages reports how long the end of the way takes: from what is written of an alert until its call has been answered.
func (s *installation) stages(b *testing.B) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), s.DatabaseURL)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(b.Context()) }()
	var p50, p99 float64
	err = conn.QueryRow(b.Context(), `
		SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY d), percentile_cont(0.99) WITHIN GROUP (ORDER BY d)
		  FROM (SELECT extract(epoch FROM ended_at - written_at) * 1000 AS d FROM notification WHERE kind = 'alert.opened' AND ended_at IS NOT NULL) n`).Scan(&p50, &p99)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(p50, "outbox-p50-ms")
	b.ReportMetric(p99, "outbox-p99-ms")
}
