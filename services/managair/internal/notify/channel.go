package notify

import (
	"encoding/json"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
)

// Kind is what a channel leads through.
type Kind string

// The kinds of channels.
const (
	Email    Kind = "email"
	Webhook  Kind = "webhook"
	Ntfy     Kind = "ntfy"
	Matrix   Kind = "matrix"
	Telegram Kind = "telegram"
	Slack    Kind = "slack"
	Teams    Kind = "teams"
)

// Kinds are those that there are.
var Kinds = []Kind{Email, Webhook, Ntfy, Matrix, Telegram, Slack, Teams}

// KindNames are their names.
func KindNames() []string {
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = string(k)
	}
	return names
}

// Name is what the name of a channel must be like.
var Name = rule.Text{Max: 100}

// Bounds of what is kept of channels and of what they were sent, in characters.
const (
	MaxTarget  = 500
	MaxAddress = 1000
	MaxRoom    = 255
	MaxToken   = 1000
	MaxAnswer  = 2000
	MaxSent    = 65536
)

// Channel is a way to tell somebody something.
type Channel struct {
	ID int64
	// UserID or OrganizationID is whose it is, the other one is 0.
	UserID, OrganizationID int64
	Organization           string // its name
	Kind                   Kind
	Name                   string
	// Language is that of what people read.
	Language string
	// Target is where it leads, as far as it may be seen: addresses of webhooks and topics
	// are as good as passwords.
	Target string
	MadeAt time.Time
	// AnsweredAt is when its receiver took the code, ConfirmedAt when its owner said so.
	AnsweredAt, ConfirmedAt *time.Time
	// DisabledAt is since when it is left alone. DisabledWhy is one of the reasons below.
	DisabledAt  *time.Time
	DisabledWhy string
	// FailedAt is when its receiver failed last, by what was not ours, FailedWhy what was wrong, for people; nil: never.
	FailedAt  *time.Time
	FailedWhy string
	// WorksSince is when it was first delivered to after that; nil: never.
	WorksSince *time.Time
}

// Why channels are left alone.
const (
	Unsubscribed = "unsubscribed" // its reader wants no more
	Gone         = "gone"         // the receiver says that it is gone
	Failing      = "failing"      // for days there was nothing but failures
)

// Active reports whether it is told anything.
func (c *Channel) Active() bool { return c.ConfirmedAt != nil && c.DisabledAt == nil }

// Secret is what it takes to get to the receiver of a channel. Nobody is shown it again.
type Secret struct {
	Address string `json:"address,omitempty"`
	Room    string `json:"room,omitempty"`
	Token   string `json:"token,omitempty"`
	// Key signs what a webhook is sent (whsec_...); OldKey does, too, until OldUntil.
	Key      string    `json:"key,omitempty"`
	OldKey   string    `json:"old_key,omitempty"`
	OldUntil time.Time `json:"old_until,omitzero"`
	// Leave is in the links by which the reader of a mail leaves.
	Leave string `json:"leave,omitempty"`
}

// String keeps secrets out of logs.
func (Secret) String() string { return "[redacted]" }

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// Kept is a channel with what only its store and its senders know.
type Kept struct {
	Channel

	Secret     Secret
	Trouble    Trouble // a Dispatcher alone knows it
	CodeDigest []byte
	CodeMadeAt *time.Time
	CodeTries  int
}

// Wanted is what a channel shall be. Nil is what stays as it is.
type Wanted struct {
	Name, Language       *string
	Address, Room, Token *string
}

// apply takes what is wanted, and reports whether it leads elsewhere now.
func (k *Kept) apply(w Wanted, private bool) (elsewhere bool, broken *fault.Violation) {
	set := func(at *string, to *string) {
		if to != nil {
			elsewhere = elsewhere || *at != *to
			*at = *to
		}
	}
	if w.Name != nil {
		k.Name = *w.Name
	}
	if w.Language != nil {
		k.Language = *w.Language
	}
	before := k.Secret
	set(&k.Secret.Address, w.Address)
	set(&k.Secret.Room, w.Room)
	set(&k.Secret.Token, w.Token)
	broken = k.check(private)
	if broken == nil && before.Token != "" && w.Token == nil && originOf(before.Address) != originOf(k.Secret.Address) {
		// Another server would be told the token, which whoever changes this may not know.
		k.Secret.Token, broken = "", wrong("token", reason.Required)
	}
	return elsewhere, broken
}

func wrong(field string, why reason.Reason, args ...any) *fault.Violation {
	return &fault.Violation{Field: field, Reason: why, Args: args}
}

// has says which of the fields address, room and token a kind has, and needs.
var has = map[Kind]struct{ address, room, token, tokenNeeded bool }{
	Email: {address: true}, Webhook: {address: true}, Ntfy: {address: true, token: true}, Slack: {address: true}, Teams: {address: true},
	Matrix:   {address: true, room: true, token: true, tokenNeeded: true},
	Telegram: {room: true, token: true, tokenNeeded: true},
}

// check returns what is wrong, and sets the target.
func (k *Kept) check(private bool) *fault.Violation {
	needs, known := has[k.Kind]
	if !known {
		return wrong("kind", reason.InvalidChoice, string(k.Kind), strings.Join(KindNames(), ", "))
	}
	s := &k.Secret
	for _, f := range []struct {
		name, value  string
		takes, needs bool
		most         int
	}{
		{"address", s.Address, needs.address, needs.address, MaxAddress},
		{"room", s.Room, needs.room, needs.room, MaxRoom},
		{"token", s.Token, needs.token, needs.tokenNeeded, MaxToken},
	} {
		switch {
		case f.value == "" && f.needs:
			return wrong(f.name, reason.Required)
		case f.value != "" && !f.takes:
			return wrong(f.name, reason.ReadOnly)
		case len(f.value) > f.most:
			return wrong(f.name, reason.MaxLength, f.most)
		case strings.ContainsFunc(f.value, func(r rune) bool { return r <= ' ' || r == 0x7f }):
			return wrong(f.name, reason.Invalid)
		}
	}
	return k.checkPlace(private)
}

func (k *Kept) checkPlace(private bool) *fault.Violation {
	s := &k.Secret
	if k.Kind == Email {
		to, err := mail.ParseAddress(s.Address)
		if err != nil || to.Address != s.Address || len(s.Address) > 254 {
			return wrong("address", reason.Invalid)
		}
		k.Target = s.Address
		return nil
	}
	if k.Kind == Telegram {
		// The token is a part of the address that is called.
		if strings.Trim(s.Token, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-:") != "" {
			return wrong("token", reason.Invalid)
		}
		k.Target = s.Room
		return nil
	}
	u, ok := placeOf(s.Address, private)
	if !ok {
		return wrong("address", reason.InvalidChannelURL)
	}
	switch k.Kind {
	case Matrix:
		if s.Room[0] != '!' || strings.Trim(u.Path, "/") != "" {
			return wrong("room", reason.Invalid)
		}
		k.Target = s.Room
	case Ntfy:
		if topic := strings.Trim(u.Path, "/"); topic == "" || strings.Contains(topic, "/") {
			return wrong("address", reason.InvalidChannelURL)
		}
		k.Target = u.Scheme + "://" + u.Host + "/…"
	default:
		k.Target = u.Scheme + "://" + u.Host + "/…"
	}
	return nil
}

// placeOf reads the address of a receiver. Plain HTTP is for networks of our own.
func placeOf(text string, private bool) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "" || u.Fragment != "" || len(u.Host) > 300 {
		return nil, false
	}
	return u, u.Scheme == "https" || private && u.Scheme == "http"
}

// originOf is the server that a token is told to.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// complete makes the part of a Secret that is made here.
func (s *Secret) complete(kind Kind) {
	switch kind {
	case Webhook:
		s.Key = newKey()
	case Email:
		s.Leave = newLeave()
	case Ntfy, Matrix, Telegram, Slack, Teams:
	}
}

// Logged is a parcel, or what waits to be one, as the log shows it.
type Logged struct {
	ID        int64
	ChannelID int64
	Kind      string
	State     State
	Why       string
	WrittenAt time.Time
	// DueAt is when it is tried next, while it waits.
	DueAt    time.Time
	EndedAt  *time.Time
	Attempts int
	// Together is how many messages went as one with it, itself included.
	Together int
	Data     json.RawMessage
	Tries    []Attempt
}

// Attempt is one try to deliver a parcel.
type Attempt struct {
	BeganAt time.Time `json:"-"`
	BeganS  int64     `json:"began_at_s"`
	TookMS  int       `json:"took_ms"`
	// Outcome is delivered, failed (and tried again), or refused.
	Outcome string `json:"outcome"`
	Status  int    `json:"status"`
	Answer  string `json:"answer"`
	Sent    string `json:"sent"`
}

// Outcomes of attempts.
const (
	OutcomeDelivered = "delivered"
	OutcomeFailed    = "failed"
	OutcomeRefused   = "refused"
)
