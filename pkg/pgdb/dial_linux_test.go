package pgdb_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sys/unix"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

// A server that is gone without a word is noticed by the kernel.
func TestUnacknowledgedIsBounded(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var dial func(network, address string) (net.Conn, error)
	pool, err := pgdb.Open(t.Context(), pgdb.Config{URL: config.NewSecret("postgres://x@127.0.0.1:1/x"), MaxConns: 1}, "test", func(pc *pgxpool.Config) {
		dial = func(network, address string) (net.Conn, error) {
			return pc.ConnConfig.DialFunc(t.Context(), network, address)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn, err := dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		option int
		want   int
	}{
		{"TCP_USER_TIMEOUT (ms)", unix.TCP_USER_TIMEOUT, 5000},
		{"TCP_KEEPIDLE (s)", unix.TCP_KEEPIDLE, 5},
		{"TCP_KEEPINTVL (s)", unix.TCP_KEEPINTVL, 5},
	} {
		var got int
		var failed error
		if err := raw.Control(func(fd uintptr) { got, failed = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, tt.option) }); err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		if got != tt.want {
			t.Errorf("%s is %d, want %d", tt.name, got, tt.want)
		}
	}
}
