package schema

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

// What each role may stands in these files alone.
//
//go:embed grants/*.sql
var grants embed.FS

// Service is whoever logs in to the database with a role of its own.
type Service string

// Those that are granted something, by a file of that name.
const (
	Managair  Service = "managair"
	Ingestair Service = "ingestair"
	Exporter  Service = "exporter"
)

// Role is the service's role. Roles belong to the whole server, which may have databases
// of several installations, so the role has the name of its database's owner before it.
func (s Service) Role(owner string) string { return owner + "_" + string(s) }

// Digest differs when the migrations or the grants do.
func Digest() (string, error) {
	h := sha256.New()
	for _, files := range []fs.FS{migrations, grants} {
		err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := fs.ReadFile(files, path)
			_, _ = fmt.Fprintf(h, "%s %d %s", path, len(content), content)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// Grant gives the roles of the services what is due to them, and takes from them what else
// they were granted in our schema (clear.sql says what stays), in one transaction. For a
// service that has a password, the role is made, or gets this password; the others' roles
// are left to administrators, and may be missing. It is run by the owner of the tables,
// after Up.
func Grant(ctx context.Context, log *slog.Logger, connString string, passwords map[Service]string) error {
	cfg, err := pgx.ParseConfig(connString)
	if err != nil {
		return err
	}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.Severity == "WARNING" {
			log.WarnContext(ctx, "notice of the database", "notice", n.Message)
		}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		return grantAll(ctx, log, tx, passwords)
	})
	if err != nil {
		return fmt.Errorf("grant: %w", err)
	}
	return nil
}

func grantAll(ctx context.Context, log *slog.Logger, tx pgx.Tx, passwords map[Service]string) error {
	// Others that grant wait, and so does whoever makes a month, which copies grants.
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('ensure_sample_partition'))"); err != nil {
		return err
	}
	var owner string
	if err := tx.QueryRow(ctx, "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'sample'::regclass").Scan(&owner); err != nil {
		return err
	}
	if err := run(ctx, tx, "everybody", ""); err != nil {
		return err
	}
	for _, service := range []Service{Managair, Ingestair, Exporter} {
		role := service.Role(owner)
		there, err := ensureRole(ctx, tx, role, passwords[service])
		if err != nil {
			return err
		}
		if !there {
			log.InfoContext(ctx, "the role is not there; its service logs in as somebody else", "role", role)
			continue
		}
		for _, file := range []string{"clear", string(service)} {
			if err := run(ctx, tx, file, role); err != nil {
				return err
			}
		}
	}
	return nil
}

// run runs one of the files for a role.
func run(ctx context.Context, tx pgx.Tx, file, role string) error {
	sql, err := grants.ReadFile("grants/" + file + ".sql")
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, strings.ReplaceAll(string(sql), ":role", pgx.Identifier{role}.Sanitize())); err != nil {
		return fmt.Errorf("%s.sql for %q: %w", file, role, err)
	}
	return nil
}

// ensureRole makes the role with a password, or gives it this one, and reports whether
// there is such a role. Without a password it leaves it as it is.
func ensureRole(ctx context.Context, tx pgx.Tx, role, password string) (there bool, err error) {
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).Scan(&there); err != nil {
		return false, err
	}
	if password == "" {
		return there, nil
	}
	verifier, err := scramVerifier(password)
	if err != nil {
		return there, fmt.Errorf("the password of the role %s: %w", role, err)
	}
	verb := "CREATE"
	if there {
		verb = "ALTER"
	}
	// The server sees, and perhaps logs, what the password is checked against, not itself.
	_, err = tx.Exec(ctx, verb+" ROLE "+pgx.Identifier{role}.Sanitize()+" LOGIN PASSWORD '"+verifier+"'")
	if pgdb.IsRefused(err) {
		return there, fmt.Errorf("the owner may not make the role %[1]s or give it a password: let an administrator do that"+
			" (CREATE ROLE %[1]s LOGIN PASSWORD '…'), and leave the password out here: %[2]w", role, err)
	}
	return true, err
}
