package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// useHTTPS deploys the stack with its TLS extension against an ACME server of our
// own, and looks at what browsers would get.
func (s *story) useHTTPS(ctx context.Context) error {
	folder := filepath.Join(s.work, "acme")
	if err := writeAuthority(folder); err != nil {
		return err
	}
	tool := func(name string, args ...string) error {
		_, err := s.engine.runWith(ctx, nil, []string{"CLAIR_SECRETS=" + s.secrets, "ACME_FOLDER=" + folder, "CLAIR_VERSION=two"},
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
	err := until(ctx, func() (err error) {
		state, err = handshake(ctx, tls.VersionTLS12)
		if err == nil && !strings.Contains(state.PeerCertificates[0].Issuer.CommonName, "Pebble") {
			err = fmt.Errorf("certificate of %s", state.PeerCertificates[0].Issuer)
		}
		return err
	})
	if err != nil {
		return err
	}
	s.report("from HTTP to HTTPS with a certificate", "%.0f s", time.Since(begun).Seconds())
	if err := state.PeerCertificates[0].VerifyHostname(domain); err != nil {
		return err
	}
	if _, err := handshake(ctx, tls.VersionTLS11); err == nil {
		return errors.New("TLS 1.1 is accepted")
	}
	return until(ctx, func() error { return checkHTTPS(ctx) })
}

// handshake connects with at most the given version, whoever signed the certificate.
func handshake(ctx context.Context, version uint16) (tls.ConnectionState, error) {
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName: domain, MinVersion: tls.VersionTLS10, MaxVersion: version,
		InsecureSkipVerify: true, //nolint:gosec // the authority makes its root anew at each start
	}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(local, "443"))
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState(), nil
}

func checkHTTPS(ctx context.Context) error {
	transport := throughProxy(local)
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // as above
	client := &http.Client{
		Timeout: 10 * time.Second, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	ask := func(scheme string) (int, http.Header, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+domain+apiPath, http.NoBody)
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
	if location := header.Get("Location"); code/100 != 3 || location != "https://"+domain+apiPath {
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

// writeAuthority writes the settings of the ACME server and the certificate under
// which it is itself reached.
func writeAuthority(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	settings, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": "0.0.0.0:14000", "managementListenAddress": "0.0.0.0:15000",
		"certificate": "/pebble.pem", "privateKey": "/pebble.key", "httpPort": 80, "tlsPort": 443,
	}})
	if err != nil {
		return err
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 1), KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "pebble"}, DNSNames: []string{"pebble"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"pebble.json": settings,
		"ca.pem":      pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		"pebble.pem":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}),
		"pebble.key":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
