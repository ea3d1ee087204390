// Package pgtest gives a test a database of its own on a real PostgreSQL.
//
// The server is named by CLAIR_TEST_DATABASE_URL, with a role that may create
// databases. Without it the test skips; with CLAIR_TEST_REQUIRE set it fails.
//
// Each test gets a copy of a template database that is migrated once. That is
// faster than migrating, and isolates more than a schema: extensions, advisory
// locks and connections are the test's own too.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/pkg/testserver"
)

// databaseURL is the variable that names the server.
const databaseURL = "CLAIR_TEST_DATABASE_URL"

// New returns a pool on a new, migrated database, which is dropped after the
// test.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// URL returns the connection string of a new, migrated database, which is
// dropped after the test.
func URL(t testing.TB) string {
	t.Helper()
	server := testserver.URL(t, databaseURL, "PostgreSQL")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("connect to the test server: %v", err)
	}
	defer func() { _ = admin.Close(ctx) }()
	template, err := ensureTemplate(ctx, admin, server)
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	name := "clair_test_" + strings.ToLower(rand.Text())
	// Copying files is some 40 % cheaper than logging their pages.
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template+" STRATEGY FILE_COPY"); err != nil {
		t.Fatalf("create the test's database: %v", err)
	}
	t.Cleanup(func() { drop(t, server, name) })
	return withDatabase(server, name)
}

// rolePassword is that of the roles that services have on the test server.
const rolePassword = "of a service"

// As returns a pool with which a service would reach the database of another pool, as
// its role: so a test of a store proves that what it does is granted.
func As(t testing.TB, service schema.Service, owner *pgxpool.Pool) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), RoleURL(t, service, owner.Config().ConnString()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// RoleURL returns a connection string of New's or URL's with the service's role in it.
func RoleURL(t testing.TB, service schema.Service, owner string) string {
	t.Helper()
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(service.Role(u.User.Username()), rolePassword)
	return u.String()
}

// Empty returns the connection string of a new database without any tables,
// for tests of migrations.
func Empty(t testing.TB) string {
	t.Helper()
	server := testserver.URL(t, databaseURL, "PostgreSQL")
	admin, err := pgx.Connect(t.Context(), server)
	if err != nil {
		t.Fatalf("connect to the test server: %v", err)
	}
	defer func() { _ = admin.Close(t.Context()) }()
	name := "clair_test_" + strings.ToLower(rand.Text())
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create the test's database: %v", err)
	}
	t.Cleanup(func() { drop(t, server, name) })
	return withDatabase(server, name)
}

// ensureTemplate makes the template once for each state of the migrations.
// Test binaries run in parallel, so a lock on the server decides who does it.
func ensureTemplate(ctx context.Context, admin *pgx.Conn, server string) (string, error) {
	digest, err := schema.Digest()
	if err != nil {
		return "", err
	}
	name := "clair_template_" + digest
	const lockKey = 0x636c616972 // "clair"
	if _, err := admin.Exec(ctx, "SELECT pg_advisory_lock($1)", lockKey); err != nil {
		return "", err
	}
	defer func() { _, _ = admin.Exec(ctx, "SELECT pg_advisory_unlock($1)", lockKey) }()
	var exists bool
	err = admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err != nil || exists {
		return name, err
	}
	// Built under another name, so that a half-made template is never copied.
	building := name + "_new"
	if _, err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+building); err != nil {
		return "", err
	}
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+building); err != nil {
		return "", err
	}
	log := slog.New(slog.DiscardHandler)
	if _, err := schema.Up(ctx, log, withDatabase(server, building)); err != nil {
		return "", err
	}
	passwords := map[schema.Service]string{}
	for _, service := range []schema.Service{schema.Managair, schema.Ingestair, schema.Exporter} {
		passwords[service] = rolePassword
	}
	if err := schema.Grant(ctx, log, withDatabase(server, building), passwords); err != nil {
		return "", err
	}
	_, err = admin.Exec(ctx, "ALTER DATABASE "+building+" RENAME TO "+name)
	return name, err
}

func drop(t testing.TB, server, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	admin, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Errorf("drop the test's database: %v", err)
		return
	}
	defer func() { _ = admin.Close(ctx) }()
	if _, err := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		t.Errorf("drop the test's database: %v", err)
	}
}

func withDatabase(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		panic(fmt.Sprintf("%s is no URL: %v", databaseURL, err))
	}
	u.Path = "/" + name
	return u.String()
}
