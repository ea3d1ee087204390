// Package redistest gives a test a Redis database of its own.
//
// The server is named by CLAIR_TEST_REDIS_URL. Without it the test skips; with
// CLAIR_TEST_REQUIRE set it fails.
//
// The numbered databases of the server are lent to tests, of all processes, one at
// a time. They share what Redis shares between databases: publish/subscribe
// channels, and commands about the server itself.
package redistest

import (
	"context"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/clairberlin/clair-stack/pkg/testserver"
)

// lease is how long a database stays lent when the test's process dies.
const lease = 15 * time.Minute

// URL returns the URL of an empty database, which is emptied after the test.
func URL(t testing.TB) string {
	t.Helper()
	server := testserver.URL(t, "CLAIR_TEST_REDIS_URL", "Redis")
	// Leases are kept in database 0, which is therefore nobody's.
	office := connect(t, server, 0)
	number := borrow(t, office)
	borrowed := connect(t, server, number)
	flush(t, borrowed) // whoever had it may have died
	t.Cleanup(func() {
		flush(t, borrowed)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := office.Del(ctx, leaseKey(number)).Err(); err != nil {
			t.Errorf("give the test's Redis database back: %v", err)
		}
		_ = borrowed.Close()
		_ = office.Close()
	})
	return withDatabase(t, server, number)
}

// New returns a client of an empty database.
func New(t testing.TB) *redis.Client {
	t.Helper()
	opt, err := redis.ParseURL(URL(t))
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opt)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func leaseKey(number int) string { return "redistest:lent:" + strconv.Itoa(number) }

func connect(t testing.TB, server string, number int) *redis.Client {
	t.Helper()
	opt, err := redis.ParseURL(withDatabase(t, server, number))
	if err != nil {
		t.Fatalf("CLAIR_TEST_REDIS_URL: %v", err)
	}
	return redis.NewClient(opt)
}

// borrow takes the first database that is not lent, and waits for one if need be.
func borrow(t testing.TB, office *redis.Client) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config, err := office.ConfigGet(ctx, "databases").Result()
	if err != nil {
		t.Fatalf("test Redis: %v", err)
	}
	databases, err := strconv.Atoi(config["databases"])
	if err != nil || databases < 2 {
		t.Fatalf("test Redis has %q databases", config["databases"])
	}
	for {
		for n := 1; n < databases; n++ {
			got, err := office.SetArgs(ctx, leaseKey(n), t.Name(), redis.SetArgs{Mode: "NX", TTL: lease}).Result()
			switch {
			case err == nil && got == "OK":
				return n
			case err != nil && err != redis.Nil: //nolint:errorlint // the library returns it bare
				t.Fatalf("test Redis: %v", err)
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("all %d databases of the test Redis are lent", databases-1)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func flush(t testing.TB, client *redis.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := client.FlushDB(ctx).Err(); err != nil {
		t.Errorf("empty the test's Redis database: %v", err)
	}
}

func withDatabase(t testing.TB, server string, number int) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("CLAIR_TEST_REDIS_URL: %v", err)
	}
	u.Path = "/" + strconv.Itoa(number)
	return u.String()
}
