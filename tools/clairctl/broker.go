package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/spf13/pflag"
)

// brokerFlags say how to reach an MQTT broker.
type brokerFlags struct{ url, user, passwordFile, caFile string }

func (b *brokerFlags) add(f *pflag.FlagSet) {
	f.StringVar(&b.url, "broker", "tcp://localhost:1883", "MQTT broker; ssl:// for TLS")
	f.StringVar(&b.user, "user", "", "user at the broker")
	f.StringVar(&b.passwordFile, "password-file", "", "file with the user's password")
	f.StringVar(&b.caFile, "ca-file", "", "certificates (PEM) that the broker's is checked against")
}

// connect returns a client that stays connected, and reconnects when it must.
func (b *brokerFlags) connect(ctx context.Context, name string) (mqtt.Client, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if b.caFile != "" {
		pem, err := os.ReadFile(b.caFile)
		if err != nil {
			return nil, err
		}
		tlsConfig.RootCAs = x509.NewCertPool()
		if !tlsConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", b.caFile)
		}
	}
	var password string
	if b.passwordFile != "" {
		content, err := os.ReadFile(b.passwordFile)
		if err != nil {
			return nil, err
		}
		password = strings.TrimRight(string(content), "\r\n")
	}
	client := mqtt.NewClient(mqtt.NewClientOptions().
		AddBroker(b.url).SetClientID(name + "-" + strings.ToLower(rand.Text()[:8])).
		SetUsername(b.user).SetPassword(password).SetTLSConfig(tlsConfig).
		SetProtocolVersion(4).SetConnectTimeout(10 * time.Second).SetAutoReconnect(true))
	token := client.Connect()
	select {
	case <-token.Done():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := token.Error(); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", b.url, err)
	}
	return client, nil
}
