// Package courier brings notifications to those who are to be told: by mail, to webhooks, and
// to the services where people read messages. Each of these takes one HTTP request; the
// libraries that know many of them have clients of their own, which would call whatever
// address they are given, and tell neither the answer nor when to come again.
//
// Names in messages were chosen by others: everything is sent as plain text, or in fields in
// which nothing is markup.
package courier

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/outbound"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 4 << 10

const userAgent = "clair-stack (notifications)"

// caller makes the calls of all senders.
type caller struct{ client *http.Client }

// Senders returns one for each kind of channels. Mails go by letters.
func Senders(client *http.Client, letters mail.Deliverer, report func(error)) map[notify.Kind]notify.Sender {
	c := caller{client}
	return map[notify.Kind]notify.Sender{
		notify.Email:    email{letters, report},
		notify.Webhook:  webhook{c},
		notify.Ntfy:     ntfy{c},
		notify.Matrix:   matrix{c},
		notify.Telegram: telegram{c, telegramAPI},
		notify.Slack:    slack{c},
		notify.Teams:    teams{c},
	}
}

// do makes a call. Redirects are not followed: whoever moves says so to the owner.
func (c caller) do(ctx context.Context, method, to string, header http.Header, body []byte) (notify.Answer, error) {
	answer := notify.Answer{Sent: string(body)}
	r, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return answer, fault.New(fault.Invalid, "the address cannot be called")
	}
	r.Header = header
	r.Header.Set("User-Agent", userAgent)
	got, err := c.client.Do(r)
	if err != nil {
		return answer, failure(err)
	}
	defer func() { _ = got.Body.Close() }()
	// What it says of itself matters, and not whether it came to an end.
	text, _ := io.ReadAll(io.LimitReader(got.Body, maxAnswer))
	answer.Status, answer.Text, answer.RetryAfter = got.StatusCode, string(text), retryAfter(got.Header.Get("Retry-After"), time.Now())
	switch {
	case got.StatusCode/100 == 2:
		return answer, nil
	case got.StatusCode == http.StatusGone:
		return answer, notify.ErrGone
	default:
		return answer, fault.New(fault.Unavailable, "the answer is %s", strconv.Itoa(got.StatusCode))
	}
}

// document sends JSON.
func (c caller) document(ctx context.Context, method, to, bearer string, document any) (notify.Answer, error) {
	// Bounds of services are those of what is sent, in which a "<" need not be six bytes.
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return notify.Answer{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if bearer != "" {
		header.Set("Authorization", "Bearer "+bearer)
	}
	return c.do(ctx, method, to, header, bytes.TrimSpace(body.Bytes()))
}

// people calls a service of people: what it says is wrong with the request stays wrong.
func (c caller) people(ctx context.Context, method, to, bearer string, document any) (notify.Answer, error) {
	answer, err := c.document(ctx, method, to, bearer, document)
	switch answer.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestEntityTooLarge:
		err = fault.New(fault.Invalid, "the service refuses it: %s", strconv.Itoa(answer.Status))
	}
	return answer, err
}

// failure says what went wrong without the address, in which there may be a secret, and
// without what is known of names and networks here.
func failure(err error) error {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, outbound.ErrNotPublic) {
		return fault.New(fault.Invalid, "the address leads to no public network")
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return fault.New(fault.Unavailable, "the name of the server is not known")
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fault.New(fault.Unavailable, "nobody who is trusted here says whose the server's certificate is")
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fault.New(fault.Unavailable, "the server's certificate is another one's")
	}
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fault.New(fault.Unavailable, "there was no answer in time")
	}
	return fault.New(fault.Unavailable, "there was no connection, or it broke")
}

// retryAfter reads a header of seconds or of a time.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// text is a notice as one text. Where it is too long for the service, what is between its
// title and the link goes.
func text(d *notify.Delivery, withTitle bool, most int, in unit) string {
	const gap = "\n\n"
	var head, tail string
	if withTitle {
		head = d.Notice.Title + gap
	}
	if link := linkOf(d); link != "" {
		tail = gap + link
	}
	body := clip(strings.Join(d.Notice.Paragraphs, gap), most-in.of(head)-in.of(tail), in)
	return strings.TrimSpace(head + body + tail)
}

func linkOf(d *notify.Delivery) string {
	if d.Notice.Link == "" {
		return ""
	}
	return d.PublicURL + "/" + strings.TrimPrefix(d.Notice.Link, "/")
}

// unit is what a service counts the length of texts in: how much of it a character is.
type unit func(r rune) int

func (u unit) of(text string) int {
	n := 0
	for _, r := range text {
		n += u(r)
	}
	return n
}

// clip shortens a text to what a service takes, the mark of it included.
func clip(text string, most int, in unit) string {
	const mark = '…'
	if in.of(text) <= most {
		return text
	}
	left := most - in(mark)
	for i, r := range text {
		if left -= in(r); left < 0 {
			return strings.TrimRight(text[:i], " \n") + string(mark)
		}
	}
	return text
}
