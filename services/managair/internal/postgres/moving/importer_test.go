package moving_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving/djangotest"
)

func imported(t testing.TB, pool *pgxpool.Pool, url string) *fixture.Report {
	t.Helper()
	im := moving.Importer{Loader: moving.Loader{Pool: pgtest.As(t, schema.Managair, pool), Now: time.Now}, Source: url, Jobs: 3, ChunkRows: 1000}
	report, err := im.Import(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestImport(t *testing.T) {
	t.Parallel()
	old, url := djangotest.New(t, 10_000)
	if _, err := old.Exec(t.Context(), `
		INSERT INTO core_sample (timestamp_s, co2_ppm, temperature_celsius, rel_humidity_percent, measurement_status, node_id)
		VALUES (1500000000, 10001, NULL, NULL, 'M', '00000000-0000-4000-8000-000000000001'),
		       (1500000001, 400, 41, NULL, 'E', '00000000-0000-4000-8000-000000000001'),
		       (2147483646, 400, NULL, NULL, 'M', '00000000-0000-4000-8000-000000000002')`); err != nil {
		t.Fatal(err)
	}
	pool := pgtest.New(t)
	report := imported(t, pool, url)
	// The CO2 beside 41 degrees is kept, as is more than can be measured; a faulty sensor is
	// one here, too.
	want := fixture.SampleCount{Read: 10_003, Stored: 10_002, Rejected: 1, Why: map[string]int64{"in_future time_s": 1}}
	if diff := cmp.Diff(want, report.Samples); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	// An organization without owner is told of, and that nodes keep the predecessor's ids.
	if len(report.Problems) != 2 || report.Compared != 20 || report.Differing != 0 {
		t.Errorf("compared %d, differing %d, problems %v", report.Compared, report.Differing, report.Problems)
	}
	if _, err := postgres.NewIdentity(pool).UserByName(t.Context(), "tomtester"); err != nil {
		t.Error(err)
	}
	if _, _, err := postgres.NewIdentity(pool).TokenUser(t.Context(),
		identity.DigestOf("0123456789abcdef0123456789abcdef01234567"), time.Now()); err != nil {
		t.Errorf("the predecessor's token: %v", err)
	}
	if n := count(t, pool, "SELECT count(*) FROM node_model_quantity"); n != 2 {
		t.Errorf("%d quantities of the model, want 2", n)
	}

	// What came later, and nothing else but the last range again.
	djangotest.AddSamples(t, old, 10_000, 500)
	report = imported(t, pool, url)
	if report.Samples.Stored != 500 || report.Samples.Read > 2000 || report.Differing != 0 {
		t.Errorf("second import: %+v, differing %d", report.Samples, report.Differing)
	}
}

// A month that was detached costs its own samples only, and no difference is told.
func TestImportIntoAnArchivedMonth(t *testing.T) {
	t.Parallel()
	old, url := djangotest.New(t, 0)
	if _, err := old.Exec(t.Context(), `
		INSERT INTO core_sample (timestamp_s, co2_ppm, temperature_celsius, rel_humidity_percent, measurement_status, node_id)
		VALUES (1741608000, 500, NULL, NULL, 'M', '00000000-0000-4000-8000-000000000001'),
		       (1744286400, 501, NULL, NULL, 'M', '00000000-0000-4000-8000-000000000001')`); err != nil {
		t.Fatal(err)
	}
	pool := pgtest.New(t)
	archive(t, pool, "2025-03-10")
	report := imported(t, pool, url)
	want := fixture.SampleCount{Read: 2, Stored: 1, Rejected: 1, Why: map[string]int64{"the samples of 2025-03 are archived": 1}}
	if diff := cmp.Diff(want, report.Samples); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if report.Differing != 0 {
		t.Errorf("%d nodes differ: %v", report.Differing, report.Problems)
	}
}

// A value that is not as it was there does not go unnoticed.
func TestImportNoticesDifferences(t *testing.T) {
	t.Parallel()
	_, url := djangotest.New(t, 3000)
	pool := pgtest.New(t)
	imported(t, pool, url)
	for _, change := range []string{
		"UPDATE sample SET co2_ppm = co2_ppm + 1 WHERE (node_no, time) = (SELECT node_no, min(time) FROM sample GROUP BY node_no ORDER BY node_no LIMIT 1)",
		"DELETE FROM sample WHERE (node_no, time) = (SELECT node_no, min(time) FROM sample GROUP BY node_no ORDER BY node_no DESC LIMIT 1)",
	} {
		before := imported(t, pool, url).Differing
		if _, err := pool.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		report := imported(t, pool, url)
		// Ranges that were copied are not copied again, so the difference stays.
		if report.Differing != before+1 {
			t.Errorf("%.20s..: %d nodes differ, before %d", change, report.Differing, before)
		}
	}
}

// What the check has marked is no difference, and what comes later of the time in which a
// sensor was stuck is marked as if it had come before, whoever brings it.
func TestImportOfAStuckSensor(t *testing.T) {
	t.Parallel()
	old, url := djangotest.New(t, 2000)
	const first, second = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	tells := func(node string, from, to time.Time) {
		t.Helper()
		if _, err := old.Exec(t.Context(), `
			INSERT INTO core_sample (timestamp_s, co2_ppm, measurement_status, node_id)
			SELECT s, 800, 'M', $3::uuid FROM generate_series($1::bigint, $2::bigint, 1800) s`, from.Unix(), to.Unix(), node); err != nil {
			t.Fatal(err)
		}
	}
	tells(first, begin, begin.AddDate(0, 0, 5))
	tells(second, begin, begin.AddDate(0, 0, 5))
	pool := pgtest.New(t)
	imported(t, pool, url)
	// The first is stuck still; the second moves again since the third day.
	now := begin.AddDate(0, 0, 5)
	if _, err := pool.Exec(t.Context(), `
		INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at, released_at)
		SELECT no, $2, 800, $3, CASE WHEN id <> $1 THEN $4::timestamptz END FROM node WHERE id IN ($1, $5)`,
		first, begin, now, begin.AddDate(0, 0, 3), second); err != nil {
		t.Fatal(err)
	}
	if _, err := (postgres.Fidelity{Pool: pool}).Check(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	const marked = `SELECT count(*) FROM sample s JOIN node n ON n.no = s.node_no WHERE s.status = 'E' AND n.id = `
	if n := count(t, pool, marked+"'"+first+"'"); n != 5*48+1 {
		t.Fatalf("%d samples are marked, want %d", n, 5*48+1)
	}
	if report := imported(t, pool, url); report.Differing != 0 {
		t.Errorf("after the mark %d differ: %v", report.Differing, report.Problems)
	}
	tells(first, now.Add(10*time.Minute), now.AddDate(0, 0, 1))
	tells(second, begin.Add(10*time.Minute), now)
	report := imported(t, pool, url)
	if report.Differing != 0 || report.Samples.Stored != 48+5*48 {
		t.Errorf("later: %+v, %d differ: %v", report.Samples, report.Differing, report.Problems)
	}
	if n := count(t, pool, marked+"'"+first+"'"); n != 5*48+1+48 {
		t.Errorf("%d samples are marked of the sensor that is stuck, want %d", n, 5*48+1+48)
	}
	if n := count(t, pool, marked+"'"+second+"'"); n != 3*48 {
		t.Errorf("%d samples are marked of the one that was, want %d of what came late", n, 3*48)
	}
}

func TestImportFromNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	im := moving.Importer{Loader: moving.Loader{Pool: pool, Now: time.Now}, Source: pgtest.Empty(t)}
	if _, err := im.Import(t.Context()); err == nil || !strings.Contains(err.Error(), "core_sample") {
		t.Errorf("import from an empty database: %v", err)
	}
}

// The predecessor takes each Clairchen uplink for one at SF9, since The Things Stack does
// not tell the index of the data rate any more. What both stacks have received is
// not there twice when it is said since when ours listens.
func TestImportBesideOurOwnForwarders(t *testing.T) {
	t.Parallel()
	old, url := djangotest.New(t, 2000)
	pool := pgtest.New(t)
	imported(t, pool, url)
	const node = "00000000-0000-4000-8000-000000000001"
	begin := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	last := begin
	for _, month := range []string{"2026-11-01 00:00Z", "2026-12-01 00:00Z"} {
		if _, err := pool.Exec(t.Context(), "SELECT ensure_sample_partition($1::timestamptz)", month); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 24 {
		rate, _ := lorawan.EU868(i % 6) // SF12 to SF7
		// Later ones overlap no earlier one: 16 samples at SF12 reach back more than an hour.
		last = begin.Add(time.Duration(i+1) * 3 * time.Hour)
		u := lorawan.Uplink{FPort: 1, Payload: []byte{0x02, 0x27, 0xB4, 0x28, 0xB4, 0x29, 0xB4}, ReceivedAt: last, DataRate: rate}
		for _, theirs := range []bool{false, true} {
			if theirs {
				u.DataRate = lorawan.SF9BW125
			}
			m, err := clairchen.Decoder{}.Decode(&u)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range m.Samples {
				if theirs {
					_, err = old.Exec(t.Context(), "INSERT INTO core_sample (node_id, timestamp_s, co2_ppm, measurement_status) VALUES ($1, $2, $3, 'M')",
						node, s.Time.Unix(), s.CO2PPM)
				} else {
					_, err = pool.Exec(t.Context(), "INSERT INTO sample (node_no, time, co2_ppm, status) SELECT no, to_timestamp($2), $3, 'M' FROM node WHERE id = $1",
						node, s.Time.Unix(), s.CO2PPM)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	im := moving.Importer{
		Loader: moving.Loader{Pool: pgtest.As(t, schema.Managair, pool), Now: func() time.Time { return last.Add(time.Hour) }},
		Source: url, Jobs: 3, ChunkRows: 1000, Until: begin,
	}
	report, err := im.Import(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, pool, "SELECT count(*) FROM sample WHERE time >= '2026-11-28 12:00Z'"); n != 24*3 || report.Differing != 0 {
		t.Errorf("%d samples of 24 uplinks, want 72; %d nodes differ: %v", n, report.Differing, report.Problems)
	}
	// What was there before ours listened is copied all the same, and later without a bound.
	djangotest.AddSamples(t, old, 10_000, 500)
	if report, err = im.Import(t.Context()); err != nil || report.Samples.Stored != 500 || report.Differing != 0 {
		t.Errorf("second import: %v, %+v, differing %d", err, report.Samples, report.Differing)
	}
	im.Until = time.Time{}
	// Of three samples the last has the time of the reception; the other two are elsewhere,
	// but for the four uplinks that were at SF9.
	if report, err = im.Import(t.Context()); err != nil || report.Samples.Stored != (24-4)*2 {
		t.Errorf("without a bound the doubled samples come: %v, %+v", err, report.Samples)
	}
}
