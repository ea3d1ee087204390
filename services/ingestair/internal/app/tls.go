package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// TLS is what the environment says about encryption of both doors.
type TLS struct {
	Cert     string `env:"INGEST_TLS_CERT" desc:"path of the certificate (PEM); with it, both doors speak TLS only"`
	Key      string `env:"INGEST_TLS_KEY" desc:"path of its key (PEM)"`
	ClientCA string `env:"INGEST_TLS_CLIENT_CA" desc:"path of certificates (PEM); callers need one that these have signed"`
}

// config returns nil when there is no encryption.
func (t TLS) config() (*tls.Config, error) {
	if t.Cert == "" && t.Key == "" && t.ClientCA == "" {
		return nil, nil //nolint:nilnil // no configuration is a choice
	}
	if t.Cert == "" || t.Key == "" {
		return nil, errors.New("INGEST_TLS_CERT and INGEST_TLS_KEY are needed both")
	}
	pair := &keyPair{cert: t.Cert, key: t.Key}
	if _, err := pair.get(nil); err != nil {
		return nil, fmt.Errorf("INGEST_TLS_CERT, INGEST_TLS_KEY: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get, NextProtos: []string{"h2", "http/1.1"}}
	if t.ClientCA != "" {
		pem, err := os.ReadFile(t.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("INGEST_TLS_CLIENT_CA: %w", err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("INGEST_TLS_CLIENT_CA: there is no certificate in it")
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// keyPair reads a certificate again when its file has changed: certificates are
// renewed more often than services are restarted.
type keyPair struct {
	cert, key string

	mu       sync.Mutex
	current  *tls.Certificate
	modified time.Time
}

func (p *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, err := os.Stat(p.cert)
	if err == nil && p.current != nil && info.ModTime().Equal(p.modified) {
		return p.current, nil
	}
	var loaded tls.Certificate
	if err == nil {
		loaded, err = tls.LoadX509KeyPair(p.cert, p.key)
	}
	switch {
	case err == nil:
		p.current, p.modified = &loaded, info.ModTime()
	case p.current == nil:
		return nil, err
	}
	// A pair that is half written is no reason to stop serving.
	return p.current, nil
}
