package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/mail"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/spf13/cobra"
)

// mailSummary and mailMessage are what Mailpit's API tells of a mail, as far as the
// tests ask; they would read the same of a real one.
type mailSummary struct {
	ID      string
	Subject string
	To      []mailAddress
}

type mailMessage struct {
	mailSummary
	Text string
}

type mailAddress struct{ Name, Address string }

// mailCommand is what stands in for the mail viewer of the stacks.
func mailCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "mail",
		Short:  "Takes mails on port 1025 and shows them on 8025, as Mailpit does",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM)
			defer stop()
			return serveMails(ctx, ":1025", ":8025")
		},
	}
}

func serveMails(ctx context.Context, smtpAddress, httpAddress string) error {
	box := &mailbox{}
	taker := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{box: box}, nil }))
	taker.Addr, taker.Domain = smtpAddress, "mail_viewer"
	taker.ReadTimeout, taker.WriteTimeout = time.Minute, time.Minute
	shower := &http.Server{Addr: httpAddress, Handler: box.handler(), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 2)
	go func() { ended <- taker.ListenAndServe() }()
	go func() { ended <- shower.ListenAndServe() }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	return errors.Join(err, taker.Close(), shower.Close())
}

// mailbox has all mails that came.
type mailbox struct {
	mu    sync.Mutex
	mails []mailMessage
}

func (b *mailbox) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/messages", func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		all := struct {
			Total    int           `json:"total"`
			Messages []mailSummary `json:"messages"`
		}{Total: len(b.mails), Messages: []mailSummary{}}
		for _, m := range b.mails {
			all.Messages = append(all.Messages, m.mailSummary)
		}
		_ = json.NewEncoder(w).Encode(all)
	})
	mux.HandleFunc("GET /api/v1/message/{id}", func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, m := range b.mails {
			if m.ID == r.PathValue("id") {
				_ = json.NewEncoder(w).Encode(m)
				return
			}
		}
		http.NotFound(w, r)
	})
	return mux
}

// mailSession is the connection of somebody who brings mails.
type mailSession struct{ box *mailbox }

func (*mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (*mailSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*mailSession) Reset()                               {}
func (*mailSession) Logout() error                        { return nil }

// Data takes a mail.
func (s *mailSession) Data(r io.Reader) error {
	m, err := readMail(r)
	if err != nil {
		return err
	}
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	m.ID = strconv.Itoa(len(s.box.mails) + 1)
	s.box.mails = append(s.box.mails, m)
	return nil
}

// readMail reads a mail of several parts, of which one is text.
func readMail(r io.Reader) (mailMessage, error) {
	raw, err := mail.ReadMessage(r)
	if err != nil {
		return mailMessage{}, err
	}
	var m mailMessage
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(raw.Header.Get("Subject")); err != nil {
		return m, err
	}
	to, err := raw.Header.AddressList("To")
	if err != nil {
		return m, err
	}
	for _, a := range to {
		m.To = append(m.To, mailAddress{a.Name, a.Address})
	}
	_, params, err := mime.ParseMediaType(raw.Header.Get("Content-Type"))
	if err != nil {
		return m, err
	}
	parts := multipart.NewReader(raw.Body, params["boundary"])
	for {
		part, err := parts.NextPart() // which decodes quoted-printable
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/plain") {
			text, err := io.ReadAll(part)
			if err != nil {
				return m, err
			}
			m.Text = string(text)
		}
	}
}

// pgAdminCommand is what stands in for pgAdmin: it answers when its password is
// there and the database can be reached, and so proves its entry in the compose file.
func pgAdminCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "pgadmin",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serveUntilStopped(cmd.Context(), ":80", http.HandlerFunc(showDatabase))
		},
	}
}

// serveUntilStopped serves until the engine stops the container.
func serveUntilStopped(ctx context.Context, address string, handler http.Handler) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case <-ctx.Done():
		return server.Close()
	case err := <-ended:
		return err
	}
}

func showDatabase(w http.ResponseWriter, r *http.Request) {
	err := reachDatabase(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprintln(w, "the password is there, and so is the database")
}

func reachDatabase(ctx context.Context) error {
	password, err := os.ReadFile(os.Getenv("PGADMIN_DEFAULT_PASSWORD_FILE"))
	if err != nil {
		return err
	}
	if len(password) == 0 || os.Getenv("PGADMIN_DEFAULT_EMAIL") == "" {
		return errors.New("there is no password, or no address to log in with")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", "db:5432")
	if err != nil {
		return err
	}
	return conn.Close()
}
