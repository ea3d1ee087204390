package forwarder

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"
)

// trust holds the authorities that vouch for the network server.
type trust struct {
	own      *x509.CertPool // nil: those of the system
	combined *x509.CertPool // own ones, and those of the system
}

// newTrust reads certificates in PEM; "" has none.
func newTrust(pem string) (trust, error) {
	if pem == "" {
		return trust{}, nil
	}
	combined, err := x509.SystemCertPool()
	if err != nil {
		combined = x509.NewCertPool()
	}
	t := trust{own: x509.NewCertPool(), combined: combined}
	if !t.own.AppendCertsFromPEM([]byte(pem)) || !t.combined.AppendCertsFromPEM([]byte(pem)) {
		return trust{}, errors.New("MQTT_CA has no certificate")
	}
	return t, nil
}

// broker is for the connection to the broker.
func (t trust) broker() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.own}
}

// client returns a client for the network server's HTTP API. Its authority need not be the
// broker's: a broker of one's own may stand beside a public network server.
func (t trust) client(timeout time.Duration) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.combined}
	return &http.Client{Transport: transport, Timeout: timeout}
}
