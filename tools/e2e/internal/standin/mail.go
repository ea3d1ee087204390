package standin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
)

// MailSummary and Mail are what Mailpit's API tells of a mail, as far as the tests
// ask; they would read the same of a real one.
type MailSummary struct {
	ID      string
	Subject string
	To      []MailAddress
}

// Mail is a mail with its text.
type Mail struct {
	MailSummary
	Text string
}

// MailAddress is an address with the name before it.
type MailAddress struct{ Name, Address string }

// serveMails takes mails and shows them, as Mailpit does.
func serveMails(ctx context.Context, smtpAddress, httpAddress string) error {
	box := &mailbox{}
	taker := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{box: box}, nil }))
	taker.Addr, taker.Domain = smtpAddress, "mail_viewer"
	taker.ReadTimeout, taker.WriteTimeout = time.Minute, time.Minute
	ctx, stop := context.WithCancelCause(ctx)
	go func() { stop(taker.ListenAndServe()) }()
	err := serve(ctx, httpAddress, box.handler())
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(err, cause)
	}
	return errors.Join(err, taker.Close())
}

// mailbox has all mails that came.
type mailbox struct {
	mu    sync.Mutex
	mails []Mail
}

func (b *mailbox) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/messages", func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		all := struct {
			Total    int           `json:"total"`
			Messages []MailSummary `json:"messages"`
		}{Total: len(b.mails), Messages: []MailSummary{}}
		for _, m := range b.mails {
			all.Messages = append(all.Messages, m.MailSummary)
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
func readMail(r io.Reader) (m Mail, err error) {
	reader, err := mail.CreateReader(r)
	if err != nil {
		return m, err
	}
	defer func() { _ = reader.Close() }()
	if m.Subject, err = reader.Header.Subject(); err != nil {
		return m, err
	}
	to, err := reader.Header.AddressList("To")
	if err != nil {
		return m, err
	}
	for _, a := range to {
		m.To = append(m.To, MailAddress{a.Name, a.Address})
	}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/plain") {
			text, err := io.ReadAll(part.Body)
			if err != nil {
				return m, err
			}
			m.Text = string(text)
		}
	}
}
