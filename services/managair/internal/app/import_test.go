package app_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/app"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving/djangotest"
)

// TestMain lets the test's binary be managair, for tests that need a process.
func TestMain(m *testing.M) {
	if os.Getenv("CLAIR_TEST_IS_MANAGAIR") != "" || len(os.Args) > 1 && os.Args[1] == app.ConvertCommandName {
		os.Exit(app.Main())
	}
	os.Exit(m.Run())
}

// process is managair running a command.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	return startWith(t, nil, env, args...)
}

func startWith(t testing.TB, stdin io.Reader, env []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.CommandContext(t.Context(), self, args...)} // killed with the test
	p.cmd.Env = append([]string{"CLAIR_TEST_IS_MANAGAIR=1", "LC_ALL=C"}, env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// ended waits for the end and returns the exit code.
func (p *process) ended() int {
	_ = p.cmd.Wait() // the code tells
	return p.cmd.ProcessState.ExitCode()
}

// killed kills it (kill -9) and returns what it had to say.
func (p *process) killed(t *testing.T) string {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := p.ended(); code != -1 {
		t.Fatalf("it ended by itself, with exit code %d: %s", code, p.stderr.String())
	}
	return p.stderr.String()
}

// interrupted is a move from the predecessor that has stopped in its middle: some
// samples are committed, others are written and not committed.
type interrupted struct {
	t        *testing.T
	env      []string
	old, new *pgx.Conn
	process  *process
	hold     pgx.Tx // nobody commits as long as it is open
}

const (
	importedSamples = 200_000 // eight steps
	stepsDone       = "SELECT count(*) FROM import_chunk"
	waitingBackends = `SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE NOT l.granted AND a.datname = current_database()`
)

func interrupt(t *testing.T) *interrupted {
	t.Helper()
	old, url := djangotest.New(t, importedSamples)
	target := pgtest.URL(t)
	conn, err := pgx.Connect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	i := &interrupted{t: t, old: old, new: conn, env: []string{"DATABASE_URL=" + pgtest.RoleURL(t, schema.Managair, target), "IMPORT_DSN=" + url}}
	i.process = start(t, i.env, "import-django", "--jobs=2")
	deadline := time.Now().Add(time.Minute)
	for i.count(stepsDone) == 0 {
		if time.Now().After(deadline) {
			t.Fatalf("no step in a minute: %s", i.process.killed(t))
		}
		time.Sleep(time.Millisecond) // it is another process that we wait for
	}
	if i.hold, err = conn.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := i.hold.Exec(t.Context(), "LOCK TABLE import_chunk IN SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	// Both of its connections are within a step: one waits for us, and the other for us
	// or for what the first one holds, which are the rows that both of them write.
	for i.count(waitingBackends) < 2 {
		if time.Now().After(deadline) {
			t.Fatalf("it does not wait, after %d steps: %s", i.count(stepsDone), i.process.killed(t))
		}
		time.Sleep(time.Millisecond)
	}
	if n := i.count(stepsDone); n > 6 {
		t.Fatalf("%d steps are done, so it is not in the middle", n)
	}
	return i
}

func (i *interrupted) count(sql string) int {
	i.t.Helper()
	var n int
	if err := i.new.QueryRow(i.t.Context(), sql).Scan(&n); err != nil {
		i.t.Fatal(err)
	}
	return n
}

func (i *interrupted) letGo() {
	i.t.Helper()
	if err := i.hold.Rollback(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
}

var storedSamples = regexp.MustCompile(`core\.sample +(\d+) read +(\d+) stored +(\d+) duplicate`)

// goOn imports again and demands that what is missing comes, and nothing else.
func (i *interrupted) goOn() {
	i.t.Helper()
	before := i.count("SELECT count(*) FROM sample")
	steps := i.count(stepsDone)
	p := start(i.t, i.env, "import-django", "--jobs=2")
	if code := p.ended(); code != 0 {
		i.t.Fatalf("exit code %d: %s", code, p.stderr.String())
	}
	found := storedSamples.FindStringSubmatch(p.stdout.String())
	if found == nil {
		i.t.Fatalf("no count of samples in:\n%s", p.stdout.String())
	}
	read, _ := strconv.Atoi(found[1])
	stored, _ := strconv.Atoi(found[2])
	// Steps are the ids from 0 to 24,999 and so on, and ids begin at 1.
	if most := importedSamples - steps*25_000 + 1; read > most || stored != importedSamples-before {
		i.t.Errorf("read %d of at the most %d, stored %d; %d of %d were there", read, most, stored, before, importedSamples)
	}
	if !strings.Contains(p.stdout.String(), "samples of 20 nodes compared with the source, 0 differ") {
		i.t.Errorf("says:\n%s", p.stdout.String())
	}
	// Beside its own comparison: every row once, with the same values.
	const sums = "SELECT md5(string_agg(format('%s %s %s %s %s %s', id, t, co2, temperature, humidity, status), ' ' ORDER BY id, t)) FROM "
	var there, here string
	err := i.old.QueryRow(i.t.Context(), sums+`(SELECT node_id AS id, timestamp_s AS t, co2_ppm AS co2,
		(temperature_celsius * 10)::integer AS temperature, rel_humidity_percent AS humidity, measurement_status AS status FROM core_sample) s`).Scan(&there)
	if err != nil {
		i.t.Fatal(err)
	}
	err = i.new.QueryRow(i.t.Context(), sums+`(SELECT n.id, extract(epoch FROM time)::integer AS t, co2_ppm AS co2,
		temperature_decicelsius AS temperature, rel_humidity_percent AS humidity, status FROM sample JOIN node n ON n.no = node_no) s`).Scan(&here)
	if err != nil {
		i.t.Fatal(err)
	}
	if there != here {
		i.t.Errorf("the samples are %s there and %s here", there, here)
	}
}

func TestImportKilledMidwayGoesOn(t *testing.T) {
	t.Parallel()
	i := interrupt(t)
	// A second one at the same time is told so.
	second := start(t, i.env, "import-django")
	if code := second.ended(); code != 1 || !strings.Contains(second.stderr.String(), "another import-django is running") {
		t.Errorf("a second import: exit code %d, %s", code, second.stderr.String())
	}
	i.process.killed(t)
	i.letGo()
	i.goOn()
}

func TestImportGoesOnAfterItsSourceWasAway(t *testing.T) {
	t.Parallel()
	i := interrupt(t)
	_, err := i.old.Exec(t.Context(), `
		SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity
		 WHERE datname = current_database() AND application_name = 'managair-import-django'`)
	if err != nil {
		t.Fatal(err)
	}
	i.letGo()
	if code := i.process.ended(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"read from the predecessor's database", "what was copied stays, import again to go on"} {
		if !strings.Contains(i.process.stderr.String(), want) {
			t.Errorf("says %q, not %q", i.process.stderr.String(), want)
		}
	}
	i.goOn()
}

func TestImportFromNowhere(t *testing.T) {
	t.Parallel()
	env := []string{"DATABASE_URL=" + pgtest.URL(t)}
	for dsn, want := range map[string]string{
		"":                                     "no source: give --dsn or set IMPORT_DSN",
		"postgres://x:geheim@127.0.0.1:1/x":    "connect to the predecessor's database",
		"postgres://x:geheim@127.0.0.1:port/x": "the predecessor's database",
	} {
		p := start(t, env, "import-django", "--dsn="+dsn)
		if code := p.ended(); code != 1 || !strings.Contains(p.stderr.String(), want) || strings.Contains(p.stderr.String(), "geheim") {
			t.Errorf("from %q: exit code %d, %s", dsn, code, p.stderr.String())
		}
	}
}
