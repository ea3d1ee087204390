package app_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/app"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving/djangotest"
)

// BenchmarkMove measures the commands with which an operator moves over, as
// processes, with a million samples (or CLAIR_BENCH_SAMPLES) in the order of the
// predecessor's table. The floor is one COPY in binary form of the same rows in the
// same order into the same table, encoded beforehand: no looking up, no rules, no
// comparing. Memory is the process's at its highest, also for a tenth of the samples.
func BenchmarkMove(b *testing.B) {
	n := benchsize.Of(1_000_000, 2_000)
	if text := os.Getenv("CLAIR_BENCH_SAMPLES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		few := newMove(b, n/10)
		few.run(b, "import", few.imported, "import-django", "--quiet")
		few.writeFixtures(b)
		few.run(b, "load", few.loaded, "loaddata", "--quiet", few.inventory, few.samples)

		m := newMove(b, n)
		m.run(b, "import", m.imported, "import-django", "--quiet")
		floor := m.copyRows(b)
		m.writeFixtures(b)
		m.run(b, "load", m.loaded, "loaddata", "--quiet", m.inventory, m.samples)
		floor = min(floor, m.copyRows(b))
		m.run(b, "dump", m.loaded, "dumpdata", "--output", filepath.Join(b.TempDir(), "dump.json"))

		report := func(unit string, v float64) { b.ReportMetric(v, unit) }
		report("copy-rows/s", float64(n)/floor.Seconds())
		for _, command := range []string{"import", "load", "dump"} {
			took := m.took[command]
			report(command+"-rows/s", float64(n)/took.Seconds())
			report(command+"/copy", floor.Seconds()/took.Seconds())
			report(command+"-MB", m.rss[command])
			if command != "dump" {
				report(command+"-MB-tenth", few.rss[command])
			}
		}
		b.ReportMetric(0, "ns/op") // of all of that together it says nothing
	}
}

// move is a predecessor's database with n samples, and where they are moved to.
type move struct {
	n                  int
	old                *pgx.Conn
	oldURL             string
	imported, loaded   string // databases
	inventory, samples string // files
	took               map[string]time.Duration
	rss                map[string]float64 // in MB
}

func newMove(b *testing.B, n int) *move {
	b.Helper()
	m := &move{n: n, imported: pgtest.URL(b), loaded: pgtest.URL(b), took: map[string]time.Duration{}, rss: map[string]float64{}}
	m.old, m.oldURL = djangotest.New(b, n)
	m.inventory, m.samples = filepath.Join(b.TempDir(), "inventory.json"), filepath.Join(b.TempDir(), "samples.json")
	if _, err := m.old.Exec(b.Context(), "VACUUM ANALYZE"); err != nil { // as it is in a database that has lived
		b.Fatal(err)
	}
	return m
}

// run runs a command on a database.
func (m *move) run(b *testing.B, name, database string, args ...string) {
	b.Helper()
	begin := time.Now()
	p := start(b, []string{"DATABASE_URL=" + database, "IMPORT_DSN=" + m.oldURL}, args...)
	memory := p.watchMemory()
	if code := p.ended(); code != 0 {
		b.Fatalf("%s: exit code %d\n%s%s", name, code, p.stdout.String(), p.stderr.String())
	}
	m.took[name] = time.Since(begin)
	m.rss[name] = float64(<-memory) / 1024
}

// watchMemory sends what the process has used at its highest, in kB, when it has
// ended. (What the kernel tells its parent then begins with the parent's own.)
func (p *process) watchMemory() <-chan int {
	highest := make(chan int, 1)
	name := fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)
	go func() {
		kB := 0
		for {
			status, err := os.ReadFile(name)
			_, value, found := strings.Cut(string(status), "VmHWM:")
			if err != nil || !found { // gone, or a zombie
				highest <- kB
				return
			}
			kB, _ = strconv.Atoi(strings.Fields(value)[0])
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return highest
}

// copyRows copies the samples that were imported into a new database.
func (m *move) copyRows(b *testing.B) time.Duration {
	b.Helper()
	from, err := pgx.Connect(b.Context(), m.imported)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = from.Close(b.Context()) }()
	to, err := pgx.Connect(b.Context(), pgtest.URL(b))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = to.Close(b.Context()) }()
	const columns = "node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status"
	var rows bytes.Buffer
	_, err = from.PgConn().CopyTo(b.Context(), &rows, "COPY (SELECT "+columns+" FROM sample ORDER BY time, node_no) TO STDOUT (FORMAT binary)")
	if err != nil {
		b.Fatal(err)
	}
	var low, high time.Time
	if err := from.QueryRow(b.Context(), "SELECT min(time), max(time) FROM sample").Scan(&low, &high); err != nil {
		b.Fatal(err)
	}
	_, err = to.Exec(b.Context(), "SELECT ensure_sample_partition(month) FROM generate_series(date_trunc('month', $1::timestamptz, 'UTC'), $2, '1 month') month", low, high)
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	tag, err := to.PgConn().CopyFrom(b.Context(), &rows, "COPY sample ("+columns+") FROM STDIN (FORMAT binary)")
	if err != nil || tag.RowsAffected() != int64(m.n) {
		b.Fatalf("copied %d of %d: %v", tag.RowsAffected(), m.n, err)
	}
	return time.Since(begin)
}

// writeFixtures writes what the predecessor's dumpdata would, samples in the order
// of their keys.
func (m *move) writeFixtures(b *testing.B) {
	b.Helper()
	m.run(b, "inventory", m.imported, "dumpdata", "--exclude", "core.sample", "--output", m.inventory)
	f, err := os.Create(m.samples)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	w := bufio.NewWriterSize(f, 1<<20)
	_, err = m.old.PgConn().CopyTo(b.Context(), w, `
		COPY (SELECT CASE WHEN id = min(id) OVER () THEN '[' ELSE ', ' END || format(
		             '{"model": "core.sample", "pk": %s, "fields": {"timestamp_s": %s, "co2_ppm": %s, "temperature_celsius": %s, "rel_humidity_percent": %s, "measurement_status": "%s", "node": "%s"}}',
		             id, timestamp_s, co2_ppm, coalesce('"' || temperature_celsius || '"', 'null'), coalesce(rel_humidity_percent::text, 'null'), measurement_status, node_id)
		        FROM core_sample ORDER BY id) TO STDOUT`)
	if err == nil {
		_, err = fmt.Fprintln(w, "]")
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLogIns measures how long an API request takes while nobody logs in, and
// while fifty people do at once, who each have their password verified by argon2id;
// and how long it takes until all of them are in.
func BenchmarkLogIns(b *testing.B) {
	people, requests := benchsize.Of(50, 3), benchsize.Of(300, 10)
	w := newWorld(b, config.Env{"RATE_LIMIT": "0"})
	w.env["SUPERUSER_PASSWORD"] = password
	for i := range people {
		name := fmt.Sprint("p", i)
		if err := app.Run(b.Context(), io.Discard, w.env, "createsuperuser", "--noinput", "--username="+name); err != nil {
			b.Fatal(err)
		}
	}
	ask := func() time.Duration {
		begin := time.Now()
		resp, err := http.Get(w.base + "/api/v1/rooms/") //nolint:noctx // bounded by the benchmark
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(err, resp)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return time.Since(begin)
	}
	for b.Loop() {
		alone := make([]time.Duration, requests)
		for i := range alone {
			alone[i] = ask()
			time.Sleep(time.Millisecond)
		}
		begin := time.Now()
		var loggingIn sync.WaitGroup
		for i := range people {
			loggingIn.Go(func() {
				client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				resp, err := client.PostForm(w.base+"/accounts/login/", url.Values{"login": {fmt.Sprint("p", i)}, "password": {password}}) //nolint:noctx // bounded by the benchmark
				if err != nil || resp.StatusCode != http.StatusSeeOther {
					b.Error("log-in: ", err, resp)
					return
				}
				_ = resp.Body.Close()
			})
		}
		all := make(chan time.Duration, 1)
		go func() {
			loggingIn.Wait()
			all <- time.Since(begin)
		}()
		var beside []time.Duration
		for took := time.Duration(0); took == 0; {
			beside = append(beside, ask())
			select {
			case took = <-all:
				b.ReportMetric(took.Seconds()*1000/float64(people), "ms/log-in")
			case <-time.After(time.Millisecond):
			}
		}
		for name, times := range map[string][]time.Duration{"alone": alone, "beside": beside} {
			slices.Sort(times)
			b.ReportMetric(times[len(times)/2].Seconds()*1000, name+"-p50-ms")
			b.ReportMetric(times[len(times)*99/100].Seconds()*1000, name+"-p99-ms")
		}
		b.ReportMetric(0, "ns/op")
	}
}
