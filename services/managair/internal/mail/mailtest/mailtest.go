// Package mailtest is a mail server for tests: it speaks SMTP with STARTTLS, TLS
// or neither, asks for a log-in, refuses what it is told to, and keeps the rest.
package mailtest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/clairberlin/clair-stack/pkg/freeport"
)

// Options say how the server is set up. Its zero value takes mails in the clear
// from everybody.
type Options struct {
	// Security is "starttls", "tls" or "none", as in EMAIL_SECURITY.
	Security string
	// User and Password, if set, are asked for; Mechanism is PLAIN or LOGIN.
	User, Password, Mechanism string
	// Address is where to listen; default: a free port of localhost.
	Address string
}

// Server is a running mail server.
type Server struct {
	// Host and Port are where it listens.
	Host string
	Port int
	// CA is the certificate (PEM) that its own is checked against.
	CA string

	options Options
	server  *smtp.Server
	arrived chan struct{} // one for each mail

	mu     sync.Mutex
	mails  []Mail
	refuse *smtp.SMTPError
	tries  int
}

// Mail is a mail that arrived.
type Mail struct {
	From, To string // of the envelope
	// TLS reports whether it came encrypted, User who had logged in.
	TLS    bool
	User   string
	Header mail.Header
	// Parts are the bodies by their content types, of which a mail for people has
	// two: text/plain and text/html.
	Parts map[string]string
	// Attached are the files that came with it, by their names.
	Attached map[string][]byte
	// Order lists the content types as they came: the last one is the sender's favourite.
	Order []string
}

// Subject returns the decoded subject.
func (m Mail) Subject() string {
	subject, err := m.Header.Subject()
	if err != nil {
		return err.Error()
	}
	return subject
}

// FreePort returns a port of localhost on which nobody listens, for a server that
// is to come later.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freeport.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Start starts a server that ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	certificate, ca := newCertificate(t)
	s := &Server{CA: ca, options: o, arrived: make(chan struct{}, 1000)}
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	s.server.Domain = "localhost"
	s.server.ReadTimeout, s.server.WriteTimeout = 10*time.Second, 10*time.Second
	s.server.ErrorLog = silent{} // clients that go away are what tests are about
	address := o.Address
	if address == "" {
		address = "localhost:0"
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s.Host, s.Port = "localhost", l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener has no other
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	switch o.Security {
	case "starttls":
		s.server.TLSConfig = config
	case "tls":
		l = tls.NewListener(l, config)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(l) }()
	t.Cleanup(func() {
		_ = s.server.Close() // also of those who are still talking
		if err := <-ended; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Errorf("mail server: %v", err)
		}
	})
	return s
}

// Refuse lets the server answer each mail with this code and text; 0 ends that.
func (s *Server) Refuse(code int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = nil
	if code != 0 {
		s.refuse = &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text}
	}
}

// Tries returns how many mails were offered, refused ones included.
func (s *Server) Tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

// Mails returns what has arrived.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Wait waits until one more mail has arrived, and returns it.
func (s *Server) Wait(t testing.TB) Mail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-s.arrived:
		all := s.Mails()
		return all[len(all)-1]
	case <-ctx.Done():
		t.Fatal("no mail arrives")
		return Mail{}
	}
}

// session is a connection of a client.
type session struct {
	server *Server
	conn   *smtp.Conn
	user   string
	mail   Mail
}

// AuthMechanisms lists the one mechanism that is asked for.
func (c *session) AuthMechanisms() []string {
	if c.server.options.User == "" {
		return nil
	}
	return []string{c.server.options.Mechanism}
}

// Auth begins to log in.
func (c *session) Auth(mechanism string) (sasl.Server, error) {
	check := func(_, user, password string) error {
		if user != c.server.options.User || password != c.server.options.Password {
			return smtp.ErrAuthFailed
		}
		c.user = user
		return nil
	}
	switch {
	case mechanism != c.server.options.Mechanism:
		return nil, smtp.ErrAuthUnknownMechanism
	case mechanism == sasl.Plain:
		return sasl.NewPlainServer(check), nil
	default:
		return &login{check: check}, nil
	}
}

// login is the LOGIN mechanism, which is obsolete and what Microsoft's servers speak.
type login struct {
	check func(identity, user, password string) error
	step  int
	user  string
}

// Next asks for the name, then for the password.
func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check("", l.user, string(response))
	}
}

// Mail takes the sender.
func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.tries++
	if c.server.options.User != "" && c.user == "" {
		return smtp.ErrAuthRequired
	}
	c.mail = Mail{From: from, User: c.user}
	_, c.mail.TLS = c.conn.TLSConnectionState()
	if _, ok := c.conn.Conn().(*tls.Conn); ok {
		c.mail.TLS = true
	}
	return nil
}

// Rcpt takes the recipient, or refuses it.
func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if c.server.refuse != nil {
		return c.server.refuse
	}
	c.mail.To = to
	return nil
}

// Data takes the mail itself.
func (c *session) Data(r io.Reader) error {
	if err := c.mail.read(r); err != nil {
		return err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.mails = append(c.server.mails, c.mail)
	c.server.arrived <- struct{}{}
	return nil
}

// read reads the mail; its bodies are decoded from whatever they were sent as.
func (m *Mail) read(r io.Reader) error {
	message, err := mail.CreateReader(r)
	if err != nil {
		return err
	}
	m.Header, m.Parts, m.Attached = message.Header, map[string]string{}, map[string][]byte{}
	for {
		part, err := message.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			return err
		}
		content, err := io.ReadAll(part.Body)
		if err != nil {
			return err
		}
		if attachment, ok := part.Header.(*mail.AttachmentHeader); ok {
			name, err := attachment.Filename()
			if err != nil {
				return err
			}
			m.Attached[name] = content
			continue
		}
		m.Parts[kind] = string(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")))
		m.Order = append(m.Order, kind)
	}
}

// Reset forgets a mail that was begun.
func (c *session) Reset() { c.mail = Mail{} }

// Logout does nothing.
func (c *session) Logout() error { return nil }

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// newCertificate makes a certificate for localhost that is its own authority.
func newCertificate(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(fmt.Errorf("certificate of the mail server: %w", err))
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
