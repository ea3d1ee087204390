package mail_test

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail/mailtest"
)

// settings are what an operator sets for the server, read as they write them.
func settings(t *testing.T, s *mailtest.Server, security, user, password string) mail.SMTP {
	t.Helper()
	env := config.Env{
		"EMAIL_HOST": s.Host, "EMAIL_PORT": strconv.Itoa(s.Port), "EMAIL_SECURITY": security, "EMAIL_CA": s.CA,
		"EMAIL_HOST_USER": user, "EMAIL_HOST_PASSWORD": password, "DEFAULT_FROM_EMAIL": "Clair für alle <clair@schule.example>",
	}
	var cfg mail.Config
	if err := env.Load(&cfg); err != nil {
		t.Fatal(err)
	}
	return mail.SMTP{Config: cfg}
}

var test = mail.Message{
	ID: "one@clair.example", To: "vera@schule.example", Subject: "Größe geändert", Text: "Grüße\n", HTML: "<p>Grüße</p>\n",
}

func TestMailsArriveByAnyKindOfServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ security, user, mechanism string }{
		{"starttls", "clair", "PLAIN"},
		{"starttls", "clair", "LOGIN"},
		{"starttls", "", ""},
		{"tls", "clair", "PLAIN"},
		{"tls", "clair", "LOGIN"},
		{"none", "", ""},
	} {
		t.Run(tt.security+" "+tt.mechanism, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, mailtest.Options{Security: tt.security, User: tt.user, Password: "geheim", Mechanism: tt.mechanism})
			if err := settings(t, s, tt.security, tt.user, "geheim").Deliver(t.Context(), test); err != nil {
				t.Fatal(err)
			}
			got := s.Wait(t)
			if got.TLS != (tt.security != "none") || got.User != tt.user {
				t.Errorf("over TLS: %t, logged in as %q", got.TLS, got.User)
			}
			if got.From != "clair@schule.example" || got.To != test.To || got.Subject() != test.Subject {
				t.Errorf("from %s to %s: %s", got.From, got.To, got.Subject())
			}
			for name, want := range map[string]string{
				"To": "<vera@schule.example>", "Message-Id": "<one@clair.example>", "Auto-Submitted": "auto-generated", "Mime-Version": "1.0",
			} {
				if value := got.Header.Get(name); value != want {
					t.Errorf("%s: %q, want %q", name, value, want)
				}
			}
			if from, err := got.Header.AddressList("From"); err != nil || from[0].Name != "Clair für alle" {
				t.Errorf("From: %v, %v", from, err)
			}
			if _, err := got.Header.Date(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(map[string]string{"text/plain": test.Text, "text/html": test.HTML}, got.Parts); diff != "" {
				t.Errorf("want(-) got(+):\n%s", diff)
			}
			// The last part is the one that mail programs show.
			if want := []string{"text/plain", "text/html"}; !slices.Equal(got.Order, want) {
				t.Errorf("parts %v, want %v", got.Order, want)
			}
		})
	}
}

// Whatever goes wrong, the error says whether trying again may help, and what an
// operator needs to know.
func TestServersThatDoNotTakeMails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		set   func(t *testing.T) mail.SMTP
		kind  fault.Kind
		cause string
	}{
		{"away", func(t *testing.T) mail.SMTP {
			t.Helper()
			return settings(t, &mailtest.Server{Host: "localhost", Port: mailtest.FreePort(t)}, "starttls", "", "")
		}, fault.Unavailable, "connection refused"},
		{"no such host", func(t *testing.T) mail.SMTP {
			t.Helper()
			return settings(t, &mailtest.Server{Host: "mail.invalid", Port: 587}, "starttls", "", "")
		}, fault.Unavailable, "mail.invalid"},
		{"wrong password", func(t *testing.T) mail.SMTP {
			t.Helper()
			s := mailtest.Start(t, mailtest.Options{Security: "starttls", User: "clair", Password: "geheim", Mechanism: "PLAIN"})
			return settings(t, s, "starttls", "clair", "falsch")
		}, fault.Unavailable, "535"},
		{"not logged in", func(t *testing.T) mail.SMTP {
			t.Helper()
			s := mailtest.Start(t, mailtest.Options{Security: "tls", User: "clair", Password: "geheim", Mechanism: "LOGIN"})
			return settings(t, s, "tls", "", "")
		}, fault.Unavailable, "502"},
		// A mail in the clear would be worse than none.
		{"without STARTTLS", func(t *testing.T) mail.SMTP {
			t.Helper()
			return settings(t, mailtest.Start(t, mailtest.Options{Security: "none"}), "starttls", "", "")
		}, fault.Unavailable, "STARTTLS"},
		{"unknown certificate", func(t *testing.T) mail.SMTP {
			t.Helper()
			s := mailtest.Start(t, mailtest.Options{Security: "starttls"})
			return settings(t, &mailtest.Server{Host: s.Host, Port: s.Port}, "starttls", "", "")
		}, fault.Unavailable, "certificate"},
		{"refuses for good", func(t *testing.T) mail.SMTP {
			t.Helper()
			s := mailtest.Start(t, mailtest.Options{Security: "none"})
			s.Refuse(550, "No such user here")
			return settings(t, s, "none", "", "")
		}, fault.Invalid, "No such user here"},
		{"refuses for now", func(t *testing.T) mail.SMTP {
			t.Helper()
			s := mailtest.Start(t, mailtest.Options{Security: "none"})
			s.Refuse(451, "Greylisted")
			return settings(t, s, "none", "", "")
		}, fault.Unavailable, "Greylisted"},
		{"hangs up", func(t *testing.T) mail.SMTP {
			t.Helper()
			return settings(t, &mailtest.Server{Host: "localhost", Port: hangUp(t)}, "tls", "", "")
		}, fault.Unavailable, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.set(t).Deliver(t.Context(), test)
			if err == nil || fault.KindOf(err) != tt.kind || !strings.Contains(fault.Describe(err), tt.cause) {
				t.Errorf("%v (%v), want kind %v and %q", fault.Describe(err), fault.KindOf(err), tt.kind, tt.cause)
			}
		})
	}
}

// hangUp returns the port of somebody who ends each connection at once.
func hangUp(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener has no other
}

func TestSettingsThatCannotWork(t *testing.T) {
	t.Parallel()
	var cfg mail.Config
	err := config.Env{"EMAIL_SECURITY": "ssl", "DEFAULT_FROM_EMAIL": "nobody", "EMAIL_CA": "nothing"}.Load(&cfg)
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"EMAIL_SECURITY", "DEFAULT_FROM_EMAIL", "EMAIL_CA"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

// Each mail has a subject, greets, leads to the page that it is about, and shows
// the same in both forms.
func TestMailsInBothLanguages(t *testing.T) {
	t.Parallel()
	pages := map[identity.MailKind]string{
		identity.MailConfirm: "/accounts/confirm-email/KEY/", identity.MailReset: "/accounts/password/reset/key/KEY/",
		identity.MailUnknown: "/accounts/signup/", identity.MailKnown: "/accounts/password/reset/",
		identity.MailPasswordSet: "/accounts/password/reset/", identity.MailEmailReplaced: "/accounts/password/reset/",
		identity.MailEmailAdded: "/accounts/password/reset/", identity.MailEmailRemoved: "/accounts/password/reset/",
		identity.MailTokenMade: "/accounts/password/reset/", identity.MailInvitation: "/accounts/invitation/KEY/",
	}
	subjects := map[string]bool{}
	for kind, page := range pages {
		for _, language := range []string{"de", "en", ""} {
			m, err := mail.Write(identity.Mail{
				Kind: kind, To: "vera@schule.example", Username: "<vera> & co", Key: "KEY", Language: language,
			}, "https://clair.example/")
			if err != nil {
				t.Fatal(err)
			}
			link := "https://clair.example" + page
			if !strings.Contains(m.Text, link) || !strings.Contains(m.HTML, `href="`+link+`"`) {
				t.Errorf("%s %s does not lead to %s:\n%s\n%s", kind, language, link, m.Text, m.HTML)
			}
			german := strings.HasPrefix(m.Text, "Hallo ") || strings.HasPrefix(m.Text, "Guten Tag,")
			if want := language != "en"; german != want || strings.Contains(m.HTML, `lang="de"`) != want {
				t.Errorf("%s %q is not in its language:\n%s", kind, language, m.Text)
			}
			if strings.Contains(m.HTML, "<vera>") || strings.ContainsAny(m.Subject, "\r\n") || m.Subject == "" {
				t.Errorf("%s %s: names are not escaped, or the subject is odd: %q\n%s", kind, language, m.Subject, m.HTML)
			}
			if language != "" {
				subjects[m.Subject] = true
			}
			if host, err := url.Parse("x://" + m.ID); err != nil || host.Host != "clair.example" {
				t.Errorf("Message-ID %s", m.ID)
			}
		}
	}
	if len(subjects) != 2*len(pages) {
		t.Errorf("%d different subjects of %d mails", len(subjects), 2*len(pages))
	}
}

// Most mail servers know no other addresses than those of ASCII.
func TestDomainsBeyondASCII(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Options{Security: "none"})
	deliverer := settings(t, s, "none", "", "")
	message := test
	message.To = "post@müller-schule.de"
	if err := deliverer.Deliver(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if got := s.Wait(t); got.To != "post@xn--mller-schule-dlb.de" {
		t.Errorf("to %s", got.To)
	}
	message.To = "post@-schule.de"
	if err := deliverer.Deliver(t.Context(), message); fault.KindOf(err) != fault.Invalid {
		t.Errorf("to a domain that cannot be: %v", err)
	}
}

// What is attached arrives as it was, under its name, and the text stays what mail programs show.
func TestFilesArriveWithMails(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Options{Security: "starttls"})
	file := []byte("%PDF-1.4\r\n\x00\xff\n.\n..\r\nend")
	m := test
	m.Attached = []mail.Attachment{{Name: "Luftbericht Größe · 1.2.2026.pdf", Media: "application/pdf", Content: file}}
	if err := settings(t, s, "starttls", "", "").Deliver(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := s.Wait(t)
	if diff := cmp.Diff(map[string][]byte{m.Attached[0].Name: file}, got.Attached); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"text/plain": test.Text, "text/html": test.HTML}, got.Parts); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}
