package lifetime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// predecessor is the database of the Python suite, on a machine beside the swarm: its
// schema is that of the importer's tests.
const (
	predecessorSchema = "services/managair/internal/postgres/moving/djangotest/predecessor.sql"
	predecessorPort   = "5433"
	predecessorNodes  = 20
	// What its fixtures say.
	predecessorUser, predecessorPassword = "admin", "admin"
	predecessorToken                     = "0123456789abcdef0123456789abcdef01234567"
)

// moveOver follows docs/migration.md with a stack that has been deployed anew:
// copies, copies what came since, looks, and goes the way back.
func (s *lifetime) moveOver(ctx context.Context) error {
	const samples, more = 50_000, 1_000
	old, err := s.startPredecessor(ctx)
	if err != nil {
		return err
	}
	defer func() { _, _ = s.stack.Docker(context.WithoutCancel(ctx), "rm", "--force", "--volumes", old) }()
	if err := s.addOldSamples(ctx, old, 0, samples); err != nil {
		return err
	}
	begun := time.Now()
	if err := s.copyFromPredecessor(ctx); err != nil {
		return err
	}
	s.stack.Report("moving over: a first copy", "%d samples, %.1f s", samples, time.Since(begun).Seconds())
	// It goes on meanwhile.
	if err := s.addOldSamples(ctx, old, samples, more); err != nil {
		return err
	}
	begun = time.Now()
	if err := s.copyFromPredecessor(ctx); err != nil {
		return err
	}
	s.stack.Report("moving over: what came since", "%d samples, %.1f s", more, time.Since(begun).Seconds())
	rows, err := load.Stored(ctx, s.stack)
	if err == nil && rows != samples+more {
		err = fmt.Errorf("%d samples arrived of %d", rows, samples+more)
	}
	if err != nil {
		return err
	}
	if err := s.useOldCredentials(ctx); err != nil {
		return err
	}
	return s.goBack(ctx, samples+more)
}

// startPredecessor returns the name of the container with the old database.
func (s *lifetime) startPredecessor(ctx context.Context) (string, error) {
	const name = "predecessor"
	password := filepath.Join(s.setting.Work, "predecessor-password")
	if err := os.WriteFile(password, []byte("of the old days"), 0o644); err != nil { //nolint:gosec // another user reads it in there
		return "", err
	}
	_, err := s.stack.Docker(ctx, "run", "--detach", "--name", name, "--publish", predecessorPort+":5432", "--volume", password+":/password:ro",
		"--env", "POSTGRES_DB=managairdb", "--env", "POSTGRES_USER=managair", "--env", "POSTGRES_PASSWORD_FILE=/password", "clair-standin/postgres")
	if err != nil {
		return name, err
	}
	err = play.Until(ctx, func() error {
		// Over TCP: while it is being set up it listens to its socket alone.
		_, err := s.stack.Docker(ctx, "exec", name, "pg_isready", "--quiet", "--host", "127.0.0.1")
		return err
	})
	if err != nil {
		return name, err
	}
	schema, err := os.Open(predecessorSchema)
	if err != nil {
		return name, err
	}
	defer func() { _ = schema.Close() }()
	return name, s.tellPredecessor(ctx, name, schema)
}

func (s *lifetime) tellPredecessor(ctx context.Context, container string, sql io.Reader) error {
	_, err := s.stack.Shell.RunWith(ctx, sql, nil, "docker", "exec", "--interactive", container,
		"psql", "--quiet", "--username", "managair", "--dbname", "managairdb", "--set", "ON_ERROR_STOP=1")
	return err
}

func (s *lifetime) addOldSamples(ctx context.Context, container string, from, n int) error {
	return s.tellPredecessor(ctx, container, strings.NewReader(fmt.Sprintf(`
		INSERT INTO core_sample (timestamp_s, co2_ppm, temperature_celsius, rel_humidity_percent, measurement_status, node_id)
		SELECT 1600000000 + i / %d * 180, 400 + i %% 1000, (i %% 600 - 200) / 10.0, nullif(i %% 101, 0), 'M',
		       ('00000000-0000-4000-8000-' || lpad((i %% %[1]d + 1)::text, 12, '0'))::uuid
		  FROM generate_series(%[2]d, %[3]d) i`, predecessorNodes, from, from+n-1)))
}

func (s *lifetime) copyFromPredecessor(ctx context.Context) error {
	// The node's address, as seen from the stack.
	dsn := "IMPORT_DSN=postgres://managair:of%20the%20old%20days@" + net.JoinHostPort(swarm.Address, predecessorPort) + "/managairdb"
	_, err := s.stack.ToolWith(ctx, nil, []string{dsn}, "manage.sh", "import-django", "--quiet")
	return err
}

// useOldCredentials logs in with the password and the token of the old days.
func (s *lifetime) useOldCredentials(ctx context.Context) error {
	b, err := visitor.NewBrowser(stack.Local)
	if err != nil {
		return err
	}
	if err := b.LogIn(ctx, predecessorUser, predecessorPassword, "/dashboard"); err != nil {
		return err
	}
	if _, err := b.See(ctx, "/dashboard"); err != nil {
		return err
	}
	hash, err := s.stack.SQL(ctx, "SELECT split_part(password_hash, '$', 2) FROM user_account WHERE username = '"+predecessorUser+"'")
	if err == nil && hash != "argon2id" {
		err = fmt.Errorf("the password is kept as %q after logging in", hash)
	}
	if err != nil {
		return err
	}
	token := http.Header{"Authorization": {"Token " + predecessorToken}}
	anyone, err := visitor.NewBrowser(stack.Local)
	if err != nil {
		return err
	}
	_, _, err = anyone.Ask(ctx, http.MethodGet, "/api/v1/auth/user/", token, nil, http.StatusOK)
	return err
}

// goBack dumps everything as the predecessor would load it, counts that, and loads it
// here, where it is all there already.
func (s *lifetime) goBack(ctx context.Context, samples int) error {
	out, err := s.stack.Tool(ctx, "manage.sh", "dumpdata")
	if err != nil {
		return err
	}
	var objects []struct{ Model string }
	if err := json.Unmarshal([]byte(out), &objects); err != nil {
		return err
	}
	got := map[string]int{}
	for _, o := range objects {
		got[o.Model]++
	}
	for model, want := range map[string]int{
		"core.sample": samples, "core.node": predecessorNodes, "auth.user": 2, "account.emailaddress": 1, "core.organization": 2,
		"core.membership": 1, "core.site": 1, "core.room": 1, "core.roomnodeinstallation": 1,
	} {
		if got[model] != want {
			return fmt.Errorf("dumpdata has %d of %s, want %d", got[model], model, want)
		}
	}
	back := filepath.Join(s.setting.Work, "back.json")
	if err := os.WriteFile(back, []byte(out), 0o600); err != nil {
		return err
	}
	if _, err := s.stack.Tool(ctx, "load-fixtures.sh", back); err != nil {
		return err
	}
	rows, err := s.stack.SQL(ctx, "SELECT count(*) FROM sample")
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(rows); err != nil || n != samples {
		return errors.Join(err, fmt.Errorf("%s samples after loading what there was, want %d", rows, samples))
	}
	s.stack.Report("moving over: dumped for the way back", "%d objects, %.1f MB", len(objects), float64(len(out))/1e6)
	return nil
}
