package postgres_test

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

// hours gives a node so many days of hours before a time: outdoor air, and what it is off by.
func (h house) hours(t testing.TB, no int32, until time.Time, days, off int) {
	t.Helper()
	h.exec(t, `INSERT INTO sample_hour (node_no, hour, n, co2_sum, co2_min, co2_max, temperature_n, temperature_sum, rel_humidity_n, rel_humidity_sum)
		SELECT $1, t, 2, 2 * ppm, ppm, ppm, 0, 0, 0, 0
		  FROM generate_series($2::timestamptz - make_interval(days => $3), $2::timestamptz - interval '1 hour', '1 hour') t,
		       LATERAL (SELECT (430 + $4 + 6 * sin(extract(epoch FROM t) / 86400 / 3) + (extract(doy FROM t)::integer * 7 + $1 * 3) % 5)::integer) AS x (ppm)
		    ON CONFLICT DO NOTHING`, no, until, days, off)
}

func TestTheHealthOfSensorsIsJudged(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	h.exec(t, `INSERT INTO user_account (id, username, email) VALUES (1, 'olga', 'olga@example.org')`)
	h.exec(t, `INSERT INTO membership (user_id, organization_id, role) VALUES (1, 1, 'O')`)
	now := time.Date(2026, 6, 1, 0, 0, 10, 0, time.UTC)
	const wrong, low, without = 7, 8, 9
	ids := map[int]inventory.NodeID{}
	for n := 1; n <= without; n++ {
		id, no := h.node(t, n)
		ids[n] = id
		switch n {
		case wrong:
			h.hours(t, no, now, 150, 110)
		case low:
			h.hours(t, no, now, 150, -100)
		case without:
			continue
		default:
			h.hours(t, no, now, 150, 4*n-12)
		}
		h.exec(t, `INSERT INTO node_status (node_no, last_contact_at, battery_percent) VALUES ($1, $2, 80)`, no, now.Add(-time.Hour))
		h.exec(t, `INSERT INTO node_charge (node_no, day, percent) SELECT $1, $2::date - i, 80 + i / 10 FROM generate_series(1, 120) i`, no, now)
	}
	store := postgres.SensorHealth{Pool: h.as}
	judge := func(at time.Time) map[inventory.NodeID]sensorhealth.Node {
		t.Helper()
		sum, err := sensorhealth.Judge{Store: store}.Run(t.Context(), at)
		if err != nil || sum.Nodes != without {
			t.Fatal(sum, err)
		}
		nodes, _, err := store.Nodes().List(t.Context(), access.Caller{UserID: 1}, inventory.Query{})
		if err != nil {
			t.Fatal(err)
		}
		found := map[inventory.NodeID]sensorhealth.Node{}
		for _, n := range nodes {
			found[n.ID] = n
		}
		return found
	}
	found := judge(now)
	if f := found[ids[wrong]]; !f.Suspected || f.Finding.Offset == nil || f.Finding.Offset.Value < 100 || f.Finding.Offset.Value > 120 || f.Finding.Others != 7 || f.Finding.Weeks < 20 {
		t.Errorf("one that tells 110 ppm too much: %+v %+v", f, f.Finding.Offset)
	}
	if f := found[ids[low]]; !f.Suspected || !f.Finding.Impossible() || f.Finding.Offset.Value > -85 {
		t.Errorf("one that tells 100 ppm too little: %+v", f)
	}
	if f := found[ids[1]]; f.Suspected || f.Finding.Silence != "" || f.Battery.Silence != "" || f.Battery.EmptyDay < 20000 {
		t.Errorf("a good one: %+v", f)
	}
	if f := found[ids[without]]; f.Suspected || f.Finding.Silence != sensorhealth.TooFewNights || f.Battery.Silence != sensorhealth.NoPercent || f.JudgedAt.IsZero() {
		t.Errorf("one that never sent: %+v", f)
	}
	nights := h.count(t, "SELECT count(*) FROM node_night")
	if nights < 8*140 || nights > 8*150 {
		t.Errorf("%d nights", nights)
	}
	if judge(now); h.count(t, "SELECT count(*) FROM node_night") != nights {
		t.Error("the second time there are other nights")
	}

	// The operator has put it right: what was before does not count.
	h.exec(t, `INSERT INTO calibration (node_id, performed_at, method, offset_ppm) VALUES ($1, $2, 'outdoor', 110)`, ids[wrong], now.AddDate(0, 0, -8))
	if f := judge(now)[ids[wrong]]; f.Suspected || f.Finding.Silence != sensorhealth.TooFewNights || f.Finding.Offset != nil {
		t.Errorf("after the calibration: %+v", f)
	}

	// With another organization it begins anew, and nobody there learns how it was before.
	h.exec(t, `INSERT INTO organization (id, name) VALUES (2, 'Other school')`)
	h.exec(t, `INSERT INTO membership (user_id, organization_id, role) VALUES (1, 2, 'O')`)
	h.exec(t, `INSERT INTO calibration (node_id, performed_at, method) VALUES ($1, $2, 'outdoor')`, ids[low], now.AddDate(0, 0, -90))
	pgtest.Exec(t, h.as, `UPDATE node SET owner_id = 2 WHERE id = $1`, ids[low])
	if n := h.count(t, "SELECT (SELECT count(*) FROM node_health JOIN node ON no = node_no WHERE id = $1) + (SELECT count(*) FROM calibration WHERE node_id = $1)", ids[low]); n != 0 {
		t.Errorf("%d rows of the former owner are left", n)
	}
	h.exec(t, `UPDATE node SET owned_since = $2 WHERE id = $1`, ids[low], now.AddDate(0, 0, -3))
	if f := judge(now)[ids[low]]; f.Finding.Weeks != 0 || f.Finding.ImpossibleNights > 3 || f.Finding.Offset != nil {
		t.Errorf("with another organization: %+v", f)
	}

	// A year later nothing of it is left.
	judge(now.AddDate(1, 1, 0))
	if n := h.count(t, "SELECT count(*) FROM node_night"); n != 0 {
		t.Errorf("%d nights are kept for ever", n)
	}
}

// BenchmarkHealth judges 500 nodes: the first night, which makes nights of half a year of
// hours, and one like all later ones.
func BenchmarkHealth(b *testing.B) {
	h := newHouse(b, pgtest.New(b))
	now := time.Date(2026, 6, 1, 0, 0, 10, 0, time.UTC)
	const nodes = 500
	for n := 1; n <= nodes; n++ {
		_, no := h.node(b, n)
		h.hours(b, no, now, 7*sensorhealth.Weeks, n%80-40)
	}
	h.exec(b, "ANALYZE")
	store := postgres.SensorHealth{Pool: h.as}
	for _, night := range []struct {
		name  string
		fresh bool
	}{{"first", true}, {"later", false}} {
		b.Run(night.name, func(b *testing.B) {
			for b.Loop() {
				if night.fresh {
					h.exec(b, "TRUNCATE node_night")
				}
				if _, err := (sensorhealth.Judge{Store: store}).Run(b.Context(), now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
