// Package mail writes the mails of accounts, of alerts and of reports, as plain text
// and HTML, and delivers them by SMTP. Without a mail server they are kept in the
// database, where administrators read them: nothing goes to the world by mistake,
// and nothing is lost.
package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Way is where mails go.
type Way struct {
	Host string `env:"EMAIL_HOST" desc:"mail server; without one mails are kept in the database"`
}

// Kept reports whether mails are kept in the database, and not sent.
func (w Way) Kept() bool { return w.Host == "" }

// Config is what the environment says about mail. The names are Django's.
type Config struct {
	Way
	Port     int           `env:"EMAIL_PORT" envDefault:"587" desc:"its port"`
	User     string        `env:"EMAIL_HOST_USER" desc:"name to log in with; default: no log-in"`
	Password config.Secret `env:"EMAIL_HOST_PASSWORD" desc:"its password"`
	Security string        `env:"EMAIL_SECURITY" envDefault:"starttls" desc:"starttls, tls or none"`
	CA       string        `env:"EMAIL_CA" desc:"certificates (PEM) that the mail server's is checked against; default: those of the system"`
	From     string        `env:"DEFAULT_FROM_EMAIL" envDefault:"Clair <clair@localhost>" desc:"sender of mails"`
}

// Validate checks what the types cannot.
func (c Config) Validate() error {
	var problems []error
	if c.Security != "starttls" && c.Security != "tls" && c.Security != "none" {
		problems = append(problems, fmt.Errorf("EMAIL_SECURITY: %q is none of starttls, tls, none", c.Security))
	}
	if err := gomail.NewMsg().From(c.From); err != nil {
		problems = append(problems, fmt.Errorf("DEFAULT_FROM_EMAIL: %w", err))
	}
	if c.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CA)) {
		problems = append(problems, errors.New("EMAIL_CA has no certificate"))
	}
	return errors.Join(problems...)
}

// Message is a mail as it is sent.
type Message struct {
	// ID is the Message-ID without brackets. It stays the same when a mail is sent
	// again, because nobody knows whether it has arrived: then the mailbox can tell.
	ID      string `json:"id"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
	// Unsubscribe is where a POST has no more of these sent (RFC 8058); "": they are no
	// such mails.
	Unsubscribe string `json:"-"`
	// Attached are files that come with it.
	Attached []Attachment `json:"-"`
}

// Attachment is a file.
type Attachment struct {
	Name string
	// Media is its type, such as application/pdf.
	Media   string
	Content []byte
}

// Deliverer brings a message on its way. An error of kind fault.Invalid says that
// trying again is useless.
type Deliverer interface {
	Deliver(ctx context.Context, m Message) error
}

// Write writes the mail. publicURL is scheme and host of the links in it.
func Write(m identity.Mail, publicURL string) (Message, error) {
	letter, path, ok := letterOf(m)
	if !ok {
		return Message{}, fault.New(fault.Invalid, "there is no mail of kind %q", m.Kind)
	}
	language := m.Language
	if !words.Known(language) {
		language = words.Languages[0].Code
	}
	link := strings.TrimSuffix(publicURL, "/") + path
	fill := strings.NewReplacer("{name}", m.Username, "{link}", link, "{address}", m.To, "{organization}", m.Organization, "{file}", m.File, "{until}", m.Until)
	subject, body := fill.Replace(letter.Subject.In(language)), fill.Replace(letter.Body.In(language))+"\n"
	var page bytes.Buffer
	if err := asHTML(language, subject, body, link).Render(context.Background(), &page); err != nil {
		return Message{}, fmt.Errorf("write mail: %w", err)
	}
	return Message{ID: newID(publicURL), To: m.To, Subject: subject, Text: body, HTML: page.String()}, nil
}

// Notice is a mail about something that happened. Its texts are plain.
type Notice struct {
	// ID is the first part of the Message-ID.
	ID, To, Language string
	// Channel is what its owner calls the way by which it comes, "" while nobody has confirmed it.
	Channel    string
	Title      string
	Paragraphs []string
	// Link is where more is to be seen, Leave where one unsubscribes.
	Link, Leave string
	PublicURL   string
}

// WriteNotice writes the mail of a notice.
func WriteNotice(ctx context.Context, n Notice) (Message, error) {
	leave := strings.NewReplacer("{channel}", n.Channel, "{link}", n.Leave).Replace(words.LeaveLine.In(n.Language))
	if n.Channel == "" {
		leave = words.LeaveFoot.In(n.Language) + " " + words.LeaveDo.In(n.Language) + ": " + n.Leave
	}
	parts := slices.Clone(n.Paragraphs)
	if n.Link != "" {
		parts = append(parts, n.Link)
	}
	var page bytes.Buffer
	if err := noticeHTML(n).Render(ctx, &page); err != nil {
		return Message{}, fmt.Errorf("write mail: %w", err)
	}
	return Message{
		ID: n.ID + "@" + hostOf(n.PublicURL), To: n.To, Subject: n.Title, Unsubscribe: n.Leave, HTML: page.String(),
		Text: strings.Join(parts, "\n\n") + "\n\n-- \n" + leave + "\n",
	}, nil
}

// letterOf returns what a mail says, and where its link leads.
func letterOf(m identity.Mail) (letter words.Letter, path string, ok bool) {
	const reset = "/accounts/password/reset/"
	switch m.Kind {
	case identity.MailConfirm:
		return words.ConfirmMail, "/accounts/confirm-email/" + m.Key + "/", true
	case identity.MailReset:
		return words.ResetMail, reset + "key/" + m.Key + "/", true
	case identity.MailUnknown:
		return words.UnknownMail, "/accounts/signup/", true
	case identity.MailKnown:
		return words.KnownMail, reset, true
	case identity.MailPasswordSet:
		return words.PasswordSetMail, reset, true
	case identity.MailEmailReplaced:
		return words.EmailReplacedMail, reset, true
	case identity.MailEmailAdded:
		return words.EmailAddedMail, reset, true
	case identity.MailEmailRemoved:
		return words.EmailRemovedMail, reset, true
	case identity.MailInvitation:
		return words.InvitationMail, "/accounts/invitation/" + m.Key + "/", true
	case identity.MailTokenMade:
		return words.TokenMadeMail, reset, true
	case identity.MailExportDone:
		return words.ExportDoneMail, "/api/v1/exports/" + m.Key, true
	case identity.MailExportFailed:
		return words.ExportFailedMail, "/dashboard/exports", true
	default:
		return words.Letter{}, "", false
	}
}

// newID makes a Message-ID of the host that the links lead to.
func newID(publicURL string) string { return rand.Text() + "@" + hostOf(publicURL) }

func hostOf(publicURL string) string {
	if u, err := url.Parse(publicURL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "clair.invalid"
}

// SMTP delivers to a mail server.
type SMTP struct{ Config Config }

// Deliver sends the message. It logs in only over TLS.
func (s SMTP) Deliver(ctx context.Context, m Message) error {
	msg := gomail.NewMsg()
	if err := msg.From(s.Config.From); err != nil {
		return fmt.Errorf("mail sender: %w", err)
	}
	to, err := onTheWire(m.To)
	if err != nil {
		return err
	}
	if err := msg.To(to); err != nil {
		return fault.Wrap(fault.Invalid, err, "the mail's address is invalid")
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	if m.ID == "" {
		msg.SetMessageID()
	} else {
		msg.SetMessageIDWithValue(m.ID)
	}
	// Otherwise out-of-office assistants answer.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	if m.Unsubscribe != "" {
		msg.SetGenHeader(gomail.HeaderListUnsubscribe, "<"+m.Unsubscribe+">")
		msg.SetGenHeader(gomail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	for _, a := range m.Attached {
		msg.AttachReadSeeker(a.Name, bytes.NewReader(a.Content), gomail.WithFileContentType(gomail.ContentType(a.Media)))
	}
	client, err := gomail.NewClient(s.Config.Host, s.options()...)
	if err != nil {
		return fmt.Errorf("mail settings: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return deliveryError(err)
	}
	return nil
}

// onTheWire writes the address for servers that know letters of ASCII only, which domains
// can do without (RFC 5891). A name before the @ cannot.
func onTheWire(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "the mail's address is invalid")
	}
	return address[:at+1] + domain, nil
}

func (s SMTP) options() []gomail.Option {
	c := s.Config
	tlsConfig := &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		tlsConfig.RootCAs = x509.NewCertPool()
		tlsConfig.RootCAs.AppendCertsFromPEM([]byte(c.CA)) // Validate has looked
	}
	options := []gomail.Option{gomail.WithPort(c.Port), gomail.WithTimeout(20 * time.Second), gomail.WithTLSConfig(tlsConfig)}
	switch c.Security {
	case "tls":
		options = append(options, gomail.WithSSL())
	case "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if c.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(c.User), gomail.WithPassword(c.Password.Reveal()))
	}
	return options
}

// deliveryError tells refusals of this mail for good (5xx for its recipient or its
// content) from everything else, which may pass or be mended: a server that is away
// or does not know us, a certificate, a wrong password.
func deliveryError(err error) error {
	if e, ok := errors.AsType[*gomail.SendError](err); ok && !e.IsTemp() && e.ErrorCode() >= 500 && e.Reason != gomail.ErrSMTPMailFrom {
		return fault.Wrap(fault.Invalid, err, "the mail server refuses the mail")
	}
	return fault.Wrap(fault.Unavailable, err, "the mail server does not take mails")
}
