package moving_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving"
)

// files opens the predecessor's fixtures, in the order of their names: the samples
// come before their nodes.
func files(t *testing.T) []fixture.Source {
	t.Helper()
	names, err := filepath.Glob("../../../testdata/fixtures/*.json")
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	var all []fixture.Source
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fixture.Source{Name: name, Reader: bytes.NewReader(content)})
	}
	return all
}

func load(t *testing.T, pool *pgxpool.Pool, repair bool, sources ...fixture.Source) *fixture.Report {
	t.Helper()
	loader := moving.Loader{Pool: pgtest.As(t, schema.Managair, pool), Repair: repair, Now: time.Now}
	report, err := loader.Load(t.Context(), fixture.Objects(sources...))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func text(content string) fixture.Source {
	return fixture.Source{Name: "test", Reader: strings.NewReader(content)}
}

func count(t *testing.T, pool *pgxpool.Pool, query string) int {
	t.Helper()
	return pgtest.Value[int](t, pool, query)
}

func TestLoadFixturesOfThePredecessor(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	report := load(t, pool, false, files(t)...)
	if len(report.Problems) != 0 {
		t.Errorf("problems: %v", report.Problems)
	}
	want := fixture.SampleCount{Read: 3855, Stored: 3855}
	if diff := cmp.Diff(want, report.Samples); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if report.Skipped["auth.permission"] != 124 || report.Normalized != 6 {
		t.Errorf("skipped %v, normalized %d", report.Skipped, report.Normalized)
	}
	for table, n := range map[string]int{
		"user_account": 7, "email_address": 6, "organization": 3, "membership": 9, "node": 9, "installation": 3,
		"node_model_quantity": 6, "sample": 3855,
	} {
		if got := count(t, pool, "SELECT count(*) FROM "+table); got != n {
			t.Errorf("%s: %d rows, want %d", table, got, n)
		}
	}
	if got := count(t, pool, "SELECT sum(sample_count(no, '-infinity', 'infinity'))::integer FROM node"); got != 3855 {
		t.Errorf("the nodes' sample counts add up to %d, want 3855", got)
	}
	if got := count(t, pool, `
		SELECT count(*)
		  FROM node_status n
		  JOIN sample s ON s.node_no = n.node_no AND s.time = n.last_sample_at AND s.co2_ppm = n.last_co2_ppm
		 WHERE s.time = (SELECT max(time) FROM sample WHERE node_no = n.node_no)`); got == 0 {
		t.Error("no node has a latest sample")
	}

	t.Run("passwords", func(t *testing.T) { checkPasswords(t, pool) })
	t.Run("again", func(t *testing.T) {
		report := load(t, pool, false, files(t)...)
		want := fixture.SampleCount{Read: 3855, Duplicate: 3855}
		if diff := cmp.Diff(want, report.Samples); diff != "" || len(report.Problems) > 0 {
			t.Errorf("samples (-want +got):\n%s\nproblems %v", diff, report.Problems)
		}
	})
	t.Run("new rows get new ids", func(t *testing.T) {
		u, err := postgres.NewIdentity(pool).CreateUser(t.Context(), identity.NewUser{User: identity.User{Username: "new"}})
		if err != nil || u.ID != 8 {
			t.Errorf("created user %d, %v, want 8", u.ID, err)
		}
	})
}

func checkPasswords(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	store := postgres.NewIdentity(pool)
	hasher := identity.NewHasher()
	for name, password := range map[string]string{
		"admin": "admin", "tomTester": "test", "veraVersuch": "versuch", "horstHilfsarbeiter": "horst",
		"annaAngestellte": "anna", "ingoInspekteur": "ingo", "priskaPrueferin": "priska",
	} {
		u, err := store.UserByName(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		hash, err := store.PasswordHash(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if ok, outdated, err := hasher.Verify(t.Context(), identity.Asker{}, password, hash); !ok || !outdated || err != nil {
			t.Errorf("%s/%s: %t, outdated %t, %v", name, password, ok, outdated, err)
		}
	}
}

func TestDumpIsWhatWasLoaded(t *testing.T) {
	t.Parallel()
	first, second := pgtest.New(t), pgtest.New(t)
	load(t, first, false, files(t)...)
	dump := dumpAll(t, first)
	report := load(t, second, false, text(dump))
	if report.LeftOut() > 0 || report.Samples.Stored != 3855 {
		t.Errorf("loading the dump: %+v", report)
	}
	if diff := cmp.Diff(dump, dumpAll(t, second)); diff != "" {
		t.Errorf("second dump (-first +second):\n%s", diff)
	}
}

func dumpAll(t *testing.T, pool *pgxpool.Pool) string {
	t.Helper()
	models, err := fixture.Select(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := moving.Dump(t.Context(), pool, fixture.NewWriter(&out, fixture.JSON, 0), models); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const base = `
	{"model":"core.nodeprotocol","pk":1,"fields":{"identifier":"P"}},
	{"model":"core.nodemodel","pk":1,"fields":{"name":"M","trade_name":"M","manufacturer":"M","sensor_type":"M","quantities":[]}},
	{"model":"core.organization","pk":1,"fields":{"name":"O","description":null}},
	{"model":"core.address","pk":1,"fields":{"street1":"S","street2":null,"zip":"10115","city":"B"}},
	{"model":"core.site","pk":1,"fields":{"name":"S","description":"","address":1,"operator":1}},
	{"model":"core.room","pk":1,"fields":{"name":"R","description":"","site":1}},
	{"model":"core.node","pk":"00000000-0000-0000-0000-000000000001","fields":{"eui64":"0000000000000001","alias":"N","protocol":1,"model":1,"owner":1}}`

// The rows that our stricter rules do not take, one broken rule each, and what is
// there after loading them without and with repairs.
func TestStricterRules(t *testing.T) {
	t.Parallel()
	installation := func(id, from, to int) string {
		return fmt.Sprintf(`{"model":"core.roomnodeinstallation","pk":%d,"fields":{"node":"00000000-0000-0000-0000-000000000001",
			"room":1,"from_timestamp_s":%d,"to_timestamp_s":%d,"description":""}}`, id, from, to)
	}
	const spans = `SELECT coalesce(string_agg(format('%s:%s-%s', id, extract(epoch FROM from_time)::bigint,
		extract(epoch FROM to_time)::bigint), ' ' ORDER BY id), '') FROM installation`
	tests := []struct {
		name, rows, query, left, repaired string
		code                              string // the rule that is broken, as at other doors
	}{
		{
			"overlap", installation(1, 100, 200) + "," + installation(2, 150, 2147483647), spans,
			"1:100-200", "1:100-150 2:150-", "overlap",
		},
		{"touching spans are fine", installation(1, 100, 200) + "," + installation(2, 200, 300), spans, "1:100-200 2:200-300", "1:100-200 2:200-300", ""},
		{"ends after that of 32 bits are fine", installation(1, 100, 4102444800), spans, "1:100-4102444800", "1:100-4102444800", ""},
		{"an end after the calendar's", installation(1, 100, 253402300800), spans, "1:100-", "1:100-", ""},
		{"same start", installation(2, 100, 300) + "," + installation(1, 100, 200), spans, "1:100-200", "1:100-200", "overlap"},
		{"ends before it starts", installation(1, 300, 200), spans, "", "", "ends_before_start"},
		{
			"chain of overlaps", installation(1, 100, 400) + "," + installation(2, 150, 180) + "," + installation(3, 160, 500), spans,
			"1:100-400", "1:100-150 2:150-160 3:160-500", "overlap",
		},
		{
			"site without operator", `{"model":"core.site","pk":2,"fields":{"name":"T","address":1,"operator":null}}`,
			"SELECT coalesce(string_agg(o.name, ' '), '') FROM site s JOIN organization o ON o.id = operator_id WHERE s.id = 2", "", "Ohne Betreiber", "null",
		},
		{
			"negative occupancy", `{"model":"core.room","pk":2,"fields":{"name":"T","site":1,"max_occupancy":-1}}`,
			"SELECT coalesce(string_agg(name || coalesce(max_occupancy::text, '?'), ' '), '') FROM room WHERE id = 2", "", "T?", "min_value",
		},
		{
			"latitude", `{"model":"core.address","pk":2,"fields":{"street1":"X","zip":"1","city":"X","latitude":"91.0","longitude":"8"}}`,
			"SELECT coalesce(string_agg(format('%s %s', latitude, longitude), ''), '') FROM address WHERE id = 2", "", " 8.000000", "max_value",
		},
		{
			"names that differ in case",
			`{"model":"auth.user","pk":1,"fields":{"username":"Vera","password":"!"}},
			 {"model":"auth.user","pk":2,"fields":{"username":"vera","password":"!"}}`,
			"SELECT string_agg(username, ' ' ORDER BY id) FROM user_account", "Vera", "Vera vera-2", "unique",
		},
		{
			"one address of two users",
			`{"model":"auth.user","pk":1,"fields":{"username":"a","password":"!"}},{"model":"auth.user","pk":2,"fields":{"username":"b","password":"!"}},
			 {"model":"account.emailaddress","pk":1,"fields":{"user":1,"email":"x@y.de","verified":true,"primary":true}},
			 {"model":"account.emailaddress","pk":2,"fields":{"user":2,"email":"X@y.de","verified":true,"primary":true}}`,
			"SELECT string_agg(email || verified, ' ' ORDER BY id) FROM email_address", "x@y.detrue", "x@y.detrue X@y.defalse", "unique",
		},
		{
			"no trade name", `{"model":"core.nodemodel","pk":2,"fields":{"name":"N","trade_name":"","manufacturer":"M","sensor_type":"M","quantities":[]}}`,
			"SELECT string_agg(trade_name, ' ' ORDER BY id) FROM node_model", "M N", "M N", "",
		},
		{
			"no device EUI", `{"model":"core.node","pk":"00000000-0000-0000-0000-000000000002","fields":{"eui64":"no idea","alias":"N","protocol":1,"model":1,"owner":1}}`,
			"SELECT count(*)::text FROM node", "1", "1", "invalid",
		},
		{
			"refers to nothing", `{"model":"core.room","pk":2,"fields":{"name":"T","site":99}}`,
			"SELECT count(*)::text FROM room", "1", "1", "does_not_exist",
		},
		{
			"half a second", strings.Replace(installation(1, 100, 200), "100", "100.5", 1), spans, "", "", "invalid",
		},
		{
			"text too long", `{"model":"core.room","pk":2,"fields":{"name":"` + strings.Repeat("x", 51) + `","site":1}}`,
			"SELECT count(*)::text FROM room", "1", "1", "max_length",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, repair := range []bool{false, true} {
				pool := pgtest.New(t)
				report := load(t, pool, repair, text("["+test.rows+","+base+"]"))
				want := test.left
				if repair {
					want = test.repaired
				}
				var got string
				if err := pool.QueryRow(t.Context(), test.query).Scan(&got); err != nil {
					t.Fatal(err)
				}
				if got != want {
					t.Errorf("repair %t: got %q, want %q", repair, got, want)
				}
				fine := strings.HasSuffix(test.name, "are fine")
				lossless := test.name == "no trade name" || test.name == "an end after the calendar's"
				listed := 0
				for _, p := range report.Problems {
					if p.Outcome == fixture.Notice {
						continue
					}
					listed++
					if p.Code != test.code {
						t.Errorf("repair %t: code %q, want %q", repair, p.Code, test.code)
					}
				}
				if (listed == 0) != fine || (!repair && (report.LeftOut() == 0) != (fine || lossless)) {
					t.Errorf("repair %t: problems %v", repair, report.Problems)
				}
			}
		})
	}
}

// TestLoadAfterSeed: what a new installation has described itself is in nobody's way: the
// predecessor's rows come with their ids and names, nothing is there twice, and new rows get
// the ids after theirs.
func TestLoadAfterSeed(t *testing.T) {
	t.Parallel()
	const all = `SELECT coalesce(string_agg(x, '; ' ORDER BY x), '') FROM (
		SELECT 'quantity ' || id || ' ' || name FROM quantity WHERE id < 1000000000 UNION ALL
		SELECT 'protocol ' || id || ' ' || identifier FROM node_protocol WHERE id < 1000000000 UNION ALL
		SELECT 'model ' || id || ' ' || name FROM node_model WHERE id < 1000000000) t (x)`
	want := pgtest.New(t)
	load(t, want, false, files(t)...)
	got := pgtest.New(t)
	seed := func() []string {
		added, err := postgres.Seed(t.Context(), got, true)
		if err != nil {
			t.Fatal(err)
		}
		return added
	}
	if added := seed(); len(added) != 11 {
		t.Errorf("a new installation has %q", added)
	}
	// One of its sensors was registered here before.
	var id, eui string
	if err := want.QueryRow(t.Context(), "SELECT n.id, n.eui64 FROM node n JOIN node_protocol p ON p.id = n.protocol_id WHERE p.identifier LIKE 'CLAIRCHEN%' ORDER BY n.no LIMIT 1").Scan(&id, &eui); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, got, "INSERT INTO organization (id, name, description) VALUES (1, 'x', '')")
	pgtest.Exec(t, got, `INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
		SELECT $1, $2, 'x', p.id, m.id, 1 FROM node_protocol p, node_model m WHERE p.identifier = 'CLAIRCHEN' AND m.name = 'Clairchen'`, id, eui)
	if report := load(t, got, false, files(t)...); len(report.Problems) != 0 {
		t.Errorf("problems: %v", report.Problems)
	}
	if diff := cmp.Diff(pgtest.Value[string](t, want, all), pgtest.Value[string](t, got, all)); diff != "" {
		t.Errorf("(-without +with what was seeded):\n%s", diff)
	}
	if added := seed(); len(added) != 0 {
		t.Errorf("afterwards %q are added", added)
	}
	for _, table := range []string{"quantity", "node_protocol", "node_model"} {
		if n := count(t, got, "SELECT nextval('"+table+"_id_seq')::int"); n > 1000 {
			t.Errorf("the next %s is %d", table, n)
		}
	}
	// Only what nobody has described is ours: two protocols and their models.
	if n := count(t, got, "SELECT count(*) FROM node_protocol WHERE id >= 1000000000"); n > 2 {
		t.Errorf("%d protocols are there twice", n-2)
	}
}

// TestLoadOfAnotherInstallation: what another one has described has numbers of the range that
// what we have described is in. The same is one, and different kinds do not become each other.
func TestLoadOfAnotherInstallation(t *testing.T) {
	t.Parallel()
	const kinds = `SELECT string_agg(n.alias || ' is ' || p.identifier || ' ' || m.name || ' ' || (
		SELECT count(*) FROM node_model_quantity q WHERE q.node_model_id = m.id), '; ' ORDER BY n.alias)
		FROM node n JOIN node_protocol p ON p.id = n.protocol_id JOIN node_model m ON m.id = n.model_id`
	const comes = `[
		{"model": "core.organization", "pk": 2, "fields": {"name": "there"}},
		{"model": "core.quantity", "pk": 1000000000, "fields": {"quantity": "CO2", "base_unit": "ppm"}},
		{"model": "core.nodeprotocol", "pk": %[1]d, "fields": {"identifier": %[2]q}},
		{"model": "core.nodemodel", "pk": %[1]d, "fields": {"name": %[3]q, "trade_name": "x", "manufacturer": "x", "sensor_type": "x", "quantities": [1000000000]}},
		{"model": "core.node", "pk": "00000000-0000-5000-8000-000000000001", "fields": {"eui64": "70B3D57050001BA1", "alias": "theirs", "protocol": %[1]d, "model": %[1]d, "owner": 2}}
	]`
	for _, tt := range []struct {
		name, protocol, model string
		id                    int64
		want, refused         string
	}{
		{"the same", "CLAIRCHEN", "Clairchen", 1_000_000_000, "ours is CLAIRCHEN Clairchen 1; theirs is CLAIRCHEN Clairchen 1", ""},
		{"the same by another number", "CLAIRCHENPROT_V01", "Clairchen", 1_000_000_007, "ours is CLAIRCHENPROT_V01 Clairchen 1; theirs is CLAIRCHENPROT_V01 Clairchen 1", ""},
		{"another kind", "ELSYSERS", "ELSYS ERS CO2", 1_000_000_007, "ours is CLAIRCHEN Clairchen 3; theirs is ELSYSERS ELSYS ERS CO2 1", ""},
		{"another kind by the number of one that is used", "ELSYSERS", "ELSYS ERS CO2", 1_000_000_000, "", `protocol 1000000000 is "CLAIRCHEN" here`},
		{"another model by the number of one that is used", "CLAIRCHEN", "Clairchen 2", 1_000_000_000, "", `model 1000000000 is "Clairchen" here`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			if _, err := postgres.Seed(t.Context(), pool, false); err != nil {
				t.Fatal(err)
			}
			pgtest.Exec(t, pool, "INSERT INTO organization (id, name, description) VALUES (1, 'here', '')")
			pgtest.Exec(t, pool, `INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
				VALUES (gen_random_uuid(), '0000000000000001', 'ours', 1000000000, 1000000000, 1)`)
			loader := moving.Loader{Pool: pgtest.As(t, schema.Managair, pool), Now: time.Now}
			report, err := loader.Load(t.Context(), fixture.Objects(text(fmt.Sprintf(comes, tt.id, tt.protocol, tt.model))))
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("error %v, want %s", err, tt.refused)
				}
				if got, want := pgtest.Value[string](t, pool, kinds), "ours is CLAIRCHEN Clairchen 3"; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				return
			}
			if err != nil || report.LeftOut() > 0 {
				t.Fatal(err, report.Problems)
			}
			if got := pgtest.Value[string](t, pool, kinds); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if n := count(t, pool, "SELECT count(*) FROM node_protocol WHERE identifier LIKE '~%'") + count(t, pool, "SELECT count(*) FROM node_model WHERE name LIKE '~%'"); n > 0 {
				t.Errorf("%d are aside still", n)
			}
		})
	}
}

func TestLoadSamples(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	sample := func(node, at, values string) string {
		return fmt.Sprintf(`{"model":"core.sample","pk":null,"fields":{"node":"00000000-0000-0000-0000-00000000000%s","timestamp_s":%s,%s}}`, node, at, values)
	}
	const good = `"co2_ppm":500,"temperature_celsius":"-0.5","rel_humidity_percent":40,"measurement_status":"R"`
	rows := []string{
		sample("1", "1600000000", good),
		sample("1", "1600000000", good),
		sample("1", "1600000000", `"co2_ppm":501`),
		sample("1", "1600000060", `"co2_ppm":600,"temperature_celsius":21.25`),
		sample("1", "1600000120", `"co2_ppm":-1`),
		sample("1", "1600000180", `"co2_ppm":"many"`),
		sample("2", "1600000000", good),
	}
	content := "[" + strings.Join(rows, ",") + "," + base + "]"
	report := load(t, pool, false, text(content))
	want := fixture.SampleCount{Read: 7, Stored: 2, Duplicate: 1, Conflict: 1, Parked: 1, Rejected: 1, LeftOut: 1, Why: map[string]int64{"out_of_range co2_ppm": 1}}
	if diff := cmp.Diff(want, report.Samples); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	load(t, pool, false, text(content))
	var got string
	err := pool.QueryRow(t.Context(), `
		SELECT string_agg(format('%s %s %s %s', co2_ppm, temperature_decicelsius, rel_humidity_percent, status), ', ' ORDER BY time)
		  FROM sample`).Scan(&got)
	if err != nil || got != "500 -5 40 R, 600 213  M" {
		t.Errorf("samples %q, %v", got, err)
	}
	if parked, rejected := count(t, pool, "SELECT count(*) FROM parked_sample"), count(t, pool, "SELECT count(*) FROM rejected_sample"); parked != 1 || rejected != 1 {
		t.Errorf("after loading twice: %d parked, %d rejected, want 1 and 1", parked, rejected)
	}
}

// Samples of a month that was detached are rejected; the others of the batch stay.
func TestLoadIntoAnArchivedMonth(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	sample := func(at string) string {
		return fmt.Sprintf(`{"model":"core.sample","pk":null,"fields":{"node":"00000000-0000-0000-0000-000000000001","timestamp_s":%s,"co2_ppm":500}}`, at)
	}
	archive(t, pool, "2025-03-10")
	content := "[" + base + "," + sample("1741608000") + "," + sample("1744286400") + "]" // 10 March and 10 April 2025
	report := load(t, pool, false, text(content))
	want := fixture.SampleCount{Read: 2, Stored: 1, Rejected: 1, Why: map[string]int64{"the samples of 2025-03 are archived": 1}}
	if diff := cmp.Diff(want, report.Samples); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var told strings.Builder
	report.Write(&told)
	if !strings.Contains(told.String(), "the samples of 2025-03 are archived") {
		t.Errorf("the reason is not told:\n%s", told.String())
	}
	if n := count(t, pool, "SELECT count(*) FROM rejected_sample WHERE reason = 'too_old'"); n != 1 {
		t.Errorf("%d samples are kept aside, want 1", n)
	}
}

// archive takes the samples of a month out of sight.
func archive(t *testing.T, pool *pgxpool.Pool, day string) {
	t.Helper()
	for _, sql := range []string{"SELECT ensure_sample_partition($1::timestamptz)", "SELECT detach_sample_partition($1::timestamptz)"} {
		if _, err := pool.Exec(t.Context(), sql, day); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBrokenFileWritesNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	loader := moving.Loader{Pool: pool, Now: time.Now}
	for _, content := range []string{"[" + base, "[" + base + `,{"model":`, "{}", "", "[" + base + "] x", `[{"pk":1}]`, "[" + base + ",]"} {
		_, err := loader.Load(t.Context(), fixture.Objects(text(content)))
		if err == nil || !strings.Contains(err.Error(), "test: object ") {
			t.Errorf("loading %.20q..: %v", content, err)
		}
	}
	if n := count(t, pool, "SELECT count(*) FROM organization"); n != 0 {
		t.Errorf("%d organizations were written", n)
	}
}

func TestLoadStopsWithItsContext(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	loader := moving.Loader{Pool: pool, Now: time.Now}
	if _, err := loader.Load(ctx, fixture.Objects(files(t)...)); err == nil {
		t.Error("no error")
	}
}
