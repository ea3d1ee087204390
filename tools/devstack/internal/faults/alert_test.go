package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

// alertWorld has thirty sensors, each in a room, a rule of the organization and its channel.
const alertWorld = `
INSERT INTO organization (id, name) VALUES (901, 'Alerts');
INSERT INTO address (id, street1, zip, city) VALUES (901, 'Street', '12345', 'Berlin');
INSERT INTO site (id, name, address_id, operator_id) VALUES (901, 'School', 901, 901);
INSERT INTO room (id, site_id, name) SELECT 900 + i, 901, 'Room ' || i FROM generate_series(1, 30) i;
INSERT INTO node_protocol (id, identifier) VALUES (901, 'alerts');
INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type) VALUES (901, 'm', 't', 'm', 's');
INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
SELECT gen_random_uuid(), 'A1E47000000000' || lpad(i::text, 2, '0'), 'alert ' || i, 901, 901, 901 FROM generate_series(1, 30) i;
INSERT INTO installation (node_id, room_id, from_time, is_public)
SELECT id, 900 + right(alias, -6)::integer, '2026-01-01', false FROM node WHERE owner_id = 901;
INSERT INTO notification_channel (organization_id, kind, name, language, target, secret, confirmed_at)
VALUES (901, 'webhook', 'Ours', 'en', 'localhost', '{"address": "RECEIVER", "key": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}', now());
INSERT INTO alert_rule (name, organization_id, personal, enabled, condition, quantity, threshold, for_s, occupied_only, tell_recovery, time_zone)
VALUES ('Stale', 901, false, true, 'above', 'co2_ppm', 1000, 0, false, true, 'UTC');
SELECT ensure_sample_partition(now());
SELECT ensure_sample_partition(now() - interval '1 hour');`

// alerts is an installation with that world. Of its samples the live stream tells no more than
// that it missed something, as after a crash between commit and publishing, and not even that
// while Redis is away.
type alerts struct {
	installation

	t        *testing.T
	stream   *redis.Client
	receiver *receiver
}

// sql runs something in the database, as soon as there is one.
func (a alerts) sql(do func(conn *pgx.Conn) error) {
	a.t.Helper()
	stacktest.Eventually(a.t, "the database", "done", func() string {
		ctx, cancel := context.WithTimeout(a.t.Context(), 5*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, a.DatabaseURL)
		if err == nil {
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
			err = do(conn)
		}
		if err != nil {
			return err.Error()
		}
		return "done"
	})
}

// measure stores a sample of the sensors from first to last, so many minutes ago.
func (a alerts) measure(first, last, minutes, ppm int) {
	a.t.Helper()
	a.sql(func(conn *pgx.Conn) error {
		_, err := conn.Exec(a.t.Context(), `
			INSERT INTO sample (node_no, time, co2_ppm, status)
			SELECT no, date_trunc('minute', now()) - make_interval(mins => $3), $4, 'M' FROM node
			 WHERE owner_id = 901 AND right(alias, -6)::integer BETWEEN $1 AND $2
			    ON CONFLICT DO NOTHING`, first, last, minutes, ppm)
		return err
	})
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Second)
	defer cancel()
	_ = a.stream.XAdd(ctx, &redis.XAddArgs{Stream: live.Key, Values: []any{"d", "\x01\x01"}}).Err() // it may be away
}

// told waits until the receiver was told of so many sensors, and of so many that it is over, and there are as many
// episodes as the first.
func (a alerts) told(opened, recovered int) {
	a.t.Helper()
	want := fmt.Sprintf("%d %d, %d episodes", opened, recovered, opened)
	stacktest.Eventually(a.t, "what was told", want, func() string {
		var episodes int
		conn, err := pgx.Connect(a.t.Context(), a.DatabaseURL)
		if err != nil {
			return err.Error()
		}
		defer func() { _ = conn.Close(context.WithoutCancel(a.t.Context())) }()
		if err = conn.QueryRow(a.t.Context(), "SELECT count(*) FROM alert_episode").Scan(&episodes); err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%d %d, %d episodes", a.receiver.count("opened"), a.receiver.count("recovered"), episodes)
	})
}

// receiver is whom a webhook leads to. A worker that dies between an answer and the note of it has a message sent once
// more: under the same id, by which receivers know it.
type receiver struct {
	mu sync.Mutex
	// ids are those of the messages of a kind about an episode.
	ids map[string]map[string]bool
}

type event struct {
	ID, Type string
	Data     struct {
		Episode int64
		Events  []event
	}
}

// ServeHTTP takes a call.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var call event
	if err := json.NewDecoder(q.Body).Decode(&call); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range append(call.Data.Events, call) {
		if e.Data.Episode == 0 {
			continue // the digest itself
		}
		about := fmt.Sprint(e.Type, " ", e.Data.Episode)
		if r.ids[about] == nil {
			r.ids[about] = map[string]bool{}
		}
		r.ids[about][e.ID] = true
	}
}

// count is how many episodes there were messages of a kind about.
func (r *receiver) count(kind string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for about := range r.ids {
		if strings.Contains(about, "alert."+kind+" ") {
			n++
		}
	}
	return n
}

// twice are the messages that came under several ids.
func (r *receiver) twice() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for about, ids := range r.ids {
		if len(ids) > 1 {
			all = append(all, about)
		}
	}
	return all
}

// Worker, Redis and database are killed while sensors alert and recover: each is told of once,
// and none is forgotten.
func TestAlertsAreToldOnce(t *testing.T) {
	t.Parallel()
	whom := &receiver{ids: map[string]map[string]bool{}}
	web := httptest.NewServer(whom)
	t.Cleanup(web.Close)
	s := stacktest.Start(t, stacktest.Options{Change: func(o *stack.Options) {
		o.Env = append(o.Env, "NOTIFICATION_PRIVATE_NETWORKS=127.0.0.0/8")
	}})
	a := alerts{installation{s}, t, s.RedisUsers.Client(t, s.Redis, "ingestair"), whom}
	a.sql(func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), strings.ReplaceAll(alertWorld, "RECEIVER", web.URL))
		return err
	})
	for _, change := range []struct {
		name              string
		minutes, ppm      int
		opened, recovered int
	}{{"alert", 40, 1500, 1, 0}, {"recover", 20, 600, 0, 1}} {
		told := func(n int) {
			if change.opened > 0 {
				a.told(n, 0)
			} else {
				a.told(30, n)
			}
		}
		measure := func(first, last int) {
			a.measure(first, last, change.minutes, change.ppm)
			a.measure(first, last, change.minutes-10, change.ppm)
		}
		step(t, "sensors "+change.name+" while the worker is killed", func() {
			measure(1, 5)
			a.Worker.Kill()
			measure(6, 10)
			a.start(t, a.Worker)
			told(10)
		})
		step(t, "sensors "+change.name+" while Redis is away", func() {
			a.stop(t, &a.Redis.Server)
			measure(11, 20)
			told(20)
			a.start(t, &a.Redis.Server)
		})
		step(t, "sensors "+change.name+" while the database crashes", func() {
			measure(21, 25)
			a.Postgres.Kill()
			a.start(t, &a.Postgres.Server)
			measure(26, 30)
			told(30)
		})
	}
	if twice := a.receiver.twice(); len(twice) > 0 {
		t.Errorf("told twice: %v", twice)
	}
}
