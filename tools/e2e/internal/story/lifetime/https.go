package lifetime

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// useHTTPS deploys the stack with its TLS extension against an ACME server of our
// own, and looks at what browsers would get.
func (s *lifetime) useHTTPS(ctx context.Context) error {
	folder := filepath.Join(s.setting.Work, "acme")
	if err := writeAuthority(folder); err != nil {
		return err
	}
	tool := func(name string, args ...string) error {
		_, err := s.stack.Shell.RunWith(ctx, nil, []string{"CLAIR_SECRETS=" + s.stack.Secrets, "ACME_FOLDER=" + folder, "CLAIR_VERSION=two"},
			append([]string{"tools/" + name, "tools/e2e/e2e-tls.env"}, args...)...)
		return err
	}
	begun := time.Now()
	if err := tool("create-volumes.sh"); err != nil {
		return err
	}
	if err := tool("deploy-stack.sh", "--timeout", "150"); err != nil {
		return err
	}
	var state tls.ConnectionState
	err := play.Until(ctx, func() (err error) {
		state, err = handshake(ctx, tls.VersionTLS12)
		if err == nil && !strings.Contains(state.PeerCertificates[0].Issuer.CommonName, "Pebble") {
			err = fmt.Errorf("certificate of %s", state.PeerCertificates[0].Issuer)
		}
		return err
	})
	if err != nil {
		return err
	}
	s.stack.Report("from HTTP to HTTPS with a certificate", "%.0f s", time.Since(begun).Seconds())
	if err := state.PeerCertificates[0].VerifyHostname(stack.Domain); err != nil {
		return err
	}
	if _, err := handshake(ctx, tls.VersionTLS11); err == nil {
		return errors.New("TLS 1.1 is accepted")
	}
	return play.Until(ctx, func() error { return checkHTTPS(ctx) })
}

// handshake connects with at most the given version, whoever signed the certificate.
func handshake(ctx context.Context, version uint16) (tls.ConnectionState, error) {
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName: stack.Domain, MinVersion: tls.VersionTLS10, MaxVersion: version,
		InsecureSkipVerify: true, //nolint:gosec // the authority makes its root anew at each start
	}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(stack.Local, "443"))
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState(), nil
}

func checkHTTPS(ctx context.Context) error {
	transport := visitor.ThroughProxy(stack.Local)
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // as above
	client := &http.Client{
		Timeout: 10 * time.Second, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	ask := func(scheme string) (int, http.Header, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+stack.Domain+visitor.RoomPath, http.NoBody)
		if err != nil {
			return 0, nil, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, nil, err
		}
		return resp.StatusCode, resp.Header, resp.Body.Close()
	}
	code, header, err := ask("http")
	if err != nil {
		return err
	}
	if location := header.Get("Location"); code/100 != 3 || location != "https://"+stack.Domain+visitor.RoomPath {
		return fmt.Errorf("HTTP answers %d to %q", code, location)
	}
	code, header, err = ask("https")
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("HTTPS answers %d", code)
	}
	if hsts := header.Get("Strict-Transport-Security"); !strings.HasPrefix(hsts, "max-age=63072000") {
		return fmt.Errorf("Strict-Transport-Security: %q", hsts)
	}
	return nil
}
