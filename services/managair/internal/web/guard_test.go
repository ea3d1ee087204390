package web

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestContact(t *testing.T) {
	t.Parallel()
	ask := func(text string) *httptest.ResponseRecorder {
		var cfg GuardConfig
		if text != "" {
			if err := cfg.Contact.UnmarshalText([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		w := httptest.NewRecorder()
		Guard(cfg, "https://clair.example/", http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, SecurityPath, http.NoBody))
		return w
	}
	if got := ask(""); got.Code != http.StatusNotFound {
		t.Errorf("without a contact: %d", got.Code)
	}
	got := ask("security@clair.example").Body.String()
	for _, line := range []string{"Contact: mailto:security@clair.example\n", "Expires: 20", "Canonical: https://clair.example/.well-known/security.txt\n"} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in:\n%s", line, got)
		}
	}
	for _, bad := range []string{"us", "javascript:alert(1)", "https://clair.example/\nContact: mailto:eve@evil.example"} {
		if new(Contact).UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is taken for a contact", bad)
		}
	}
}

// A body that trickles is ended after the grace, one that keeps the pace is not, however
// long it lasts, and neither is an answer that takes longer than any body may.
func TestBodiesKeepAPace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		chunk  int           // bytes
		every  time.Duration // sent
		chunks int
		held   bool // to the end
		queued time.Duration
	}{
		{"a byte every four seconds", 1, 4 * time.Second, 20, false, 0},
		{"the same, after having waited for its turn", 1, 4 * time.Second, 20, false, time.Minute},
		{"nothing", 0, time.Minute, 1, false, 0},
		{"slow, and honest", 8 << 10, time.Second, 120, true, 0},
		{"a minute of thought after it", 1, 0, 20, true, 0},
		{"a minute of waiting for its turn", 1, 0, 20, true, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var read int
				var failed error
				var gone bool
				server := &http.Server{Handler: Guard(GuardConfig{}, "", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					time.Sleep(tt.queued)
					body, err := io.ReadAll(r.Body)
					read, failed = len(body), err
					select {
					case <-time.After(time.Minute):
					case <-r.Context().Done():
						gone = true
					}
				}))}
				client, conn := net.Pipe()
				listener := &oneConn{conns: make(chan net.Conn, 1)}
				listener.conns <- conn
				go func() { _ = server.Serve(listener) }()
				answered := make(chan string, 1)
				go func() {
					answer := make([]byte, 12)
					n, _ := io.ReadFull(client, answer)
					answered <- string(answer[:n])
					_, _ = io.Copy(io.Discard, client)
				}()
				whole := tt.chunk * tt.chunks
				begin := time.Now()
				_, _ = io.WriteString(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "+strconv.Itoa(max(whole, 1))+"\r\n\r\n")
				for range tt.chunks {
					if tt.chunk > 0 {
						_, _ = client.Write(make([]byte, tt.chunk)) // it may be cut off
					}
					time.Sleep(tt.every)
				}
				took := time.Since(begin)
				if tt.held {
					if answer := <-answered; answer != "HTTP/1.1 200" {
						t.Errorf("answered %q", answer)
					}
				}
				_ = client.Close()
				_ = listener.Close()
				_ = server.Close()
				synctest.Wait()
				if tt.held && (read != whole || failed != nil || gone) {
					t.Errorf("%d of %d bytes in %v: %v, cut off: %v", read, whole, took, failed, gone)
				}
				if !tt.held && failed != ErrSlowBody { //nolint:errorlint // the very one
					t.Errorf("%d bytes in %v: %v, want %v", read, took, failed, ErrSlowBody)
				}
			})
		})
	}
}

// oneConn is a listener of connections that are there.
type oneConn struct {
	conns chan net.Conn
	once  sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn, ok := <-l.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.conns) })
	return nil
}

func (*oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func TestManagersOfPasswordsFindTheirPage(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	Guard(GuardConfig{}, "", http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, ChangePasswordPath, http.NoBody))
	if w.Code != http.StatusFound || w.Header().Get("Location") != "/accounts/password/change/" {
		t.Errorf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
}
