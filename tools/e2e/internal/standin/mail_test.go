package standin

import (
	"strings"
	"testing"
)

func TestMailsAreRead(t *testing.T) {
	t.Parallel()
	const text = "Subject: =?utf-8?q?Adresse_best=C3=A4tigen?=\r\nTo: Vera <vera@clair.test>\r\n" +
		"Content-Type: multipart/alternative; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
		"http://clair.test/accounts/confirm-email/abc=\r\ndef/ \r\n" +
		"--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n"
	m, err := readMail(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "Adresse bestätigen" || len(m.To) != 1 || m.To[0] != (MailAddress{"Vera", "vera@clair.test"}) {
		t.Errorf("%+v", m.MailSummary)
	}
	if !strings.HasPrefix(m.Text, "http://clair.test/accounts/confirm-email/abcdef/") {
		t.Errorf("text %q", m.Text)
	}
}
