// Package pgdb opens PostgreSQL pools and gives database errors a kind.
package pgdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Config is what the environment says about the database. A DATABASE_URL wins
// over the single parts.
type Config struct {
	URL      config.Secret `env:"DATABASE_URL" desc:"postgres:// URL; wins over DB_HOST and its like"`
	Host     string        `env:"DB_HOST" envDefault:"localhost" desc:"host, or folder of the Unix socket"`
	Port     uint16        `env:"DB_PORT" envDefault:"5432" desc:"port"`
	Name     string        `env:"DB_NAME" envDefault:"clair" desc:"name of the database"`
	User     string        `env:"DB_USER" envDefault:"clair" desc:"role that the service logs in as; managair migrate as the owner of the tables"`
	Password config.Secret `env:"DB_PASSWORD" desc:"its password; with several lines, each is tried, so that it can be changed while services run"`
	SSLMode  string        `env:"DB_SSLMODE" envDefault:"prefer" desc:"disable, prefer, require, verify-ca or verify-full"`
	MaxConns int32         `env:"DB_MAX_CONNS" envDefault:"10" desc:"connections at the most"`
}

// ConnString returns the URL that the settings describe. It holds the password; of
// several, the first.
func (c Config) ConnString() string {
	if c.URL.IsSet() {
		return c.URL.Reveal()
	}
	u := url.URL{Scheme: "postgres", Path: "/" + c.Name, User: url.User(c.User)}
	if c.Password.IsSet() {
		u.User = url.UserPassword(c.User, c.passwords()[0])
	}
	query := url.Values{"sslmode": {c.SSLMode}}
	port := strconv.Itoa(int(c.Port))
	if strings.HasPrefix(c.Host, "/") {
		query.Set("host", c.Host)
		query.Set("port", port)
	} else {
		u.Host = net.JoinHostPort(c.Host, port)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// passwords are those that may be the right one.
func (c Config) passwords() []string {
	return strings.Split(strings.TrimSpace(c.Password.Reveal()), "\n")
}

// Settled returns the settings with the one of several passwords that the server
// takes, for those who connect with ConnString.
func (c Config) Settled(ctx context.Context) (Config, error) {
	if c.URL.IsSet() || len(c.passwords()) < 2 {
		return c, nil
	}
	cc, err := pgx.ParseConfig(c.ConnString())
	if err != nil {
		return c, fmt.Errorf("database settings: %w", err)
	}
	cc.ConnectTimeout = connectTimeout
	choosePassword(ctx, cc, c.passwords())
	c.Password = config.NewSecret(cc.Password)
	return c, nil
}

// choosePassword sets the first password that the server takes. When that cannot be
// said, it is left to whoever connects next to say why.
func choosePassword(ctx context.Context, cc *pgx.ConnConfig, passwords []string) {
	for _, p := range passwords {
		try := cc.Config.Copy()
		try.Password = p
		conn, err := pgconn.ConnectConfig(ctx, try)
		if err == nil {
			cc.Password = p
			_ = conn.Close(ctx) // it has told what we wanted to know
			return
		}
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); !ok || pgErr.Code != invalidPassword {
			return
		}
	}
}

// invalidPassword is the SQLSTATE of a log-in with a wrong password.
const invalidPassword = "28P01"

const connectTimeout = 5 * time.Second

// Open returns a pool. It connects at the first use, so a database that is away
// does not keep a service from starting. Sessions speak UTC. The functions may
// change the pool's settings.
func Open(ctx context.Context, c Config, application string, configure ...func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(c.ConnString())
	if err != nil {
		// The library leaves the password out of this text.
		return nil, fmt.Errorf("database settings: %w", err)
	}
	pc.MaxConns = c.MaxConns
	pc.PingTimeout = pingTimeout
	pc.ConnConfig.ConnectTimeout = connectTimeout
	pc.ConnConfig.DialFunc = newDialer().DialContext
	pc.ConnConfig.RuntimeParams["application_name"] = application
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	// Compiling takes longer than any of our queries, and a cautious estimate over
	// many partitions is enough to start it.
	pc.ConnConfig.RuntimeParams["jit"] = "off"
	if passwords := c.passwords(); !c.URL.IsSet() && len(passwords) > 1 {
		// Before each connection: the right one changes while we run.
		pc.BeforeConnect = func(ctx context.Context, cc *pgx.ConnConfig) error {
			choosePassword(ctx, cc, passwords)
			return nil
		}
	}
	for _, f := range configure {
		f(pc)
	}
	return pgxpool.NewWithConfig(ctx, pc)
}

// SQLSTATE codes that callers tell apart.
const (
	UniqueViolation     = "23505"
	ForeignKeyViolation = "23503"
	CheckViolation      = "23514"
	ExclusionViolation  = "23P01"
	NotNullViolation    = "23502"
)

// Violation returns the SQLSTATE code and the name of the constraint that err
// reports as violated; ok is false when it is no such error.
func Violation(err error) (code, constraint string, ok bool) {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || !strings.HasPrefix(pgErr.Code, "23") {
		return "", "", false
	}
	return pgErr.Code, pgErr.ConstraintName, true
}

// Translate gives err the kind Unavailable when the database is away, starting,
// stopping, read-only or out of connections, Contended when it ended a transaction for the
// sake of another one, NotFound when a query for one row found none, and Invalid for texts
// that it cannot keep. Other errors, violations too, come back as they are: only the caller
// knows what they mean.
func Translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return fault.Wrap(fault.NotFound, err, "not found")
	case IsContended(err):
		return fault.Wrap(fault.Contended, err, "the database is busy with the same")
	case IsUnavailable(err):
		return fault.Wrap(fault.Unavailable, err, "the database is not available")
	case isUnstorableText(err):
		return fault.Wrap(fault.Invalid, err, "a text has characters that cannot be kept")
	default:
		return err
	}
}

// isUnstorableText recognizes texts with a NUL, or that are not UTF-8. Whoever sends
// them must not find where nobody looked.
func isUnstorableText(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == "22021" // character not in repertoire
}

// IsUnavailable reports whether err says that the database is away for now.
func IsUnavailable(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case strings.HasPrefix(pgErr.Code, "08"), // connection exception
			strings.HasPrefix(pgErr.Code, "28"), // does not let us in: a password is being changed
			strings.HasPrefix(pgErr.Code, "53"), // out of connections, memory, disk
			strings.HasPrefix(pgErr.Code, "57"), // shut down, starting up, cancelled
			pgErr.Code == "25006",               // read-only: a standby after a fail-over
			IsContended(err):
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return pgconn.SafeToRetry(err) || pgconn.Timeout(err) || isBrokenConnection(err)
}

// IsContended reports whether err says that a transaction was ended for the sake of
// another one, and may succeed when it is run again.
func IsContended(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == "40001" || pgErr.Code == "40P01") // serialization failure, deadlock
}

// IsLockTimeout reports whether err says that somebody had a lock for longer than the session
// waits for it.
func IsLockTimeout(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == "55P03" // lock not available
}

// IsRefused reports whether err says that the role may not do what it tried.
func IsRefused(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == "42501"
}

// isBrokenConnection recognizes what the driver returns when the server dies in
// the middle of an answer; it has no type of its own for that.
func isBrokenConnection(err error) bool {
	text := err.Error()
	return strings.Contains(text, "unexpected EOF") || strings.Contains(text, "conn closed") ||
		strings.Contains(text, "closed pool")
}
