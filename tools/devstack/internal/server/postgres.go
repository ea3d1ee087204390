package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/process"
)

// PostgresSuperuser is the role that URL logs in as.
const PostgresSuperuser = "postgres"

// PostgresOptions are choices for a PostgreSQL server.
type PostgresOptions struct {
	// Dir keeps the data (a cluster is made when there is none), the superuser's
	// password, the socket and the log.
	Dir string
	// Port is the TCP port; 0 chooses a free one.
	Port int
	// Durable makes commits survive a crash of the machine, with the settings of the
	// deployed stack. Without it, they survive a crash of the server only, and tests
	// run faster.
	Durable bool
	// Settings are further server settings, name=value.
	Settings []string
	// StandbyOf makes it a copy of a running server, which must have been prepared
	// with Replicated, and follows it until it is promoted.
	StandbyOf *Postgres
}

// deployed are the settings of the deployed stack (compose/docker-compose.yml) that
// decide how fast its database is, and what measurements are about.
var deployed = []string{"shared_buffers=256MB", "max_wal_size=4GB", "wal_compression=lz4"}

// Replicated are settings of a server that standbys can follow.
func Replicated() []string { return []string{"wal_level=replica", "max_wal_senders=4"} }

// Postgres is a PostgreSQL server of our own.
type Postgres struct {
	Server

	dir      string
	password string
}

// NewPostgres prepares a server; Start starts it.
func NewPostgres(o PostgresOptions) (*Postgres, error) {
	bin, err := postgresBinDir()
	if err != nil {
		return nil, err
	}
	runAs, err := process.Unprivileged()
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: o.Dir}
	data := filepath.Join(o.Dir, "data")
	settings := []string{
		"listen_addresses=" + Host,
		"unix_socket_directories=" + o.Dir,
		"max_connections=300",
	}
	if o.Durable {
		settings = append(settings, deployed...)
	} else {
		// Not synchronous_commit=off: what was committed must survive kill -9.
		settings = append(settings, "fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "max_wal_size=2GB")
	}
	p.Server = Server{
		Port: o.Port,
		name: "postgres",
		prepare: func(ctx context.Context) error {
			if o.StandbyOf != nil {
				return p.copyFrom(ctx, o.StandbyOf, bin, data, runAs)
			}
			return p.initialize(ctx, bin, data, runAs)
		},
		command: func() (process.Spec, error) {
			args := []string{"-D", data, "-p", fmt.Sprint(p.Port)}
			for _, s := range slices.Concat(settings, o.Settings) {
				args = append(args, "-c", s)
			}
			return process.Spec{
				Name: "postgres", Path: filepath.Join(bin, "postgres"), Args: args, Dir: data,
				User: runAs, LogFile: p.LogFile(),
				StopSignal: syscall.SIGINT, // "fast": does not wait for clients
			}, nil
		},
		probe: func(ctx context.Context) error {
			conn, err := pgx.Connect(ctx, p.URL("postgres"))
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
	}
	return p, nil
}

// LogFile is where the server writes what it has to say.
func (p *Postgres) LogFile() string { return filepath.Join(p.dir, "postgres.log") }

// URL returns the superuser's connection string for a database of a started
// server.
func (p *Postgres) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(PostgresSuperuser, p.password),
		Host: p.Address(), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// SocketURL is URL by way of the socket, for what must not pass through TCP.
func (p *Postgres) SocketURL(database string) string {
	q := url.Values{"host": {p.dir}, "port": {fmt.Sprint(p.Port)}, "sslmode": {"disable"}}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(PostgresSuperuser, p.password),
		Path: "/" + database, RawQuery: q.Encode(),
	}
	return u.String()
}

// Database makes a database, and the role of the same name that owns it, unless
// they are there. It returns the role's connection string. The role may make those of
// services, and otherwise not do more than the owner of a database elsewhere.
func (p *Postgres) Database(ctx context.Context, name, password string) (string, error) {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return "", fmt.Errorf("make database %s: %w", name, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return "", fmt.Errorf("make database %s: %w", name, err)
	}
	if !there {
		quoted := pgx.Identifier{name}.Sanitize()
		literal := "'" + strings.ReplaceAll(password, "'", "''") + "'"
		for _, sql := range []string{
			"DROP ROLE IF EXISTS " + quoted, // of an interrupted attempt
			"CREATE ROLE " + quoted + " LOGIN PASSWORD " + literal,
			"CREATE DATABASE " + quoted + " OWNER " + quoted,
		} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return "", fmt.Errorf("make database %s: %w", name, err)
			}
		}
	}
	if _, err := conn.Exec(ctx, "ALTER ROLE "+pgx.Identifier{name}.Sanitize()+" CREATEROLE"); err != nil {
		return "", fmt.Errorf("make database %s: %w", name, err)
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(name, password),
		Host: p.Address(), Path: "/" + name, RawQuery: "sslmode=disable",
	}
	return u.String(), nil
}

// initialize makes the cluster, unless there is one, and knows the password.
func (p *Postgres) initialize(ctx context.Context, bin, data string, runAs *process.User) error {
	passwordFile := filepath.Join(p.dir, "superuser-password")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		password, err := os.ReadFile(passwordFile)
		p.password = strings.TrimSpace(string(password))
		return err
	}
	if err := runAs.MakeDir(p.dir); err != nil {
		return err
	}
	p.password = rand.Text()
	if err := os.WriteFile(passwordFile, []byte(p.password+"\n"), 0o600); err != nil {
		return err
	}
	if err := runAs.Own(passwordFile); err != nil {
		return err
	}
	// Upper and lower case must work beyond ASCII, as they do in production.
	locale := "C.UTF-8"
	if runtime.GOOS == "darwin" {
		locale = "en_US.UTF-8"
	}
	return p.makeData(ctx, data, process.Spec{
		Name: "initdb", Path: filepath.Join(bin, "initdb"), User: runAs,
		Args: []string{
			"-U", PostgresSuperuser, "--pwfile", passwordFile, "--auth=scram-sha-256",
			"--encoding=UTF8", "--locale=" + locale, "--no-sync",
		},
	})
}

// copyFrom makes the cluster a copy of a primary's, unless there is one.
func (p *Postgres) copyFrom(ctx context.Context, primary *Postgres, bin, data string, runAs *process.User) error {
	p.password = primary.password
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return nil
	}
	if err := runAs.MakeDir(p.dir); err != nil {
		return err
	}
	return p.makeData(ctx, data, process.Spec{
		Name: "pg_basebackup", Path: filepath.Join(bin, "pg_basebackup"), User: runAs,
		Args: []string{
			"--dbname", primary.URL("postgres"), "--write-recovery-conf", "--wal-method=stream",
			"--checkpoint=fast", "--no-sync",
		},
	})
}

// makeData runs a program that makes the folder that -D names; aside, so that one
// that was interrupted is not taken for a cluster.
func (p *Postgres) makeData(ctx context.Context, data string, program process.Spec) error {
	unfinished := data + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	program.Dir, program.LogFile = p.dir, p.LogFile()
	program.Args = append(program.Args, "-D", unfinished)
	running, err := process.Start(program)
	if err != nil {
		return err
	}
	select {
	case <-running.Done():
	case <-ctx.Done():
		running.Kill()
		return context.Cause(ctx)
	}
	if err := running.Err(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program.Name, err, running.LogTail())
	}
	return os.Rename(unfinished, data)
}

// postgresBinDir finds the newest server where Debian, Red Hat and Homebrew put
// it, which is not in the PATH.
func postgresBinDir() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// By the true name: "postgres" is beside that, not beside a link to it.
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			return filepath.Dir(initdb), nil
		}
	}
	var found []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	} {
		dirs, _ := filepath.Glob(pattern)
		for _, dir := range dirs {
			if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err == nil {
				found = append(found, dir)
			}
		}
	}
	if len(found) == 0 {
		return "", notInstalled("PostgreSQL")
	}
	return slices.Max(found), nil
}

// ErrNotInstalled means that this machine lacks a server's program.
var ErrNotInstalled = errors.New("not installed")

func notInstalled(name string) error {
	return fmt.Errorf("%s is %w; tools/install-deps.sh test installs it", name, ErrNotInstalled)
}
