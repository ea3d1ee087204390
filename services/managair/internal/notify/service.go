package notify

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// Kinds of messages of this package.
const (
	KindConfirm = "channel.confirm"
	KindTest    = "channel.test"
)

// Config is what the environment says about channels.
type Config struct {
	PrivateNetworks []string `env:"NOTIFICATION_PRIVATE_NETWORKS" desc:"networks that are not public and that notifications may be sent into, also by plain HTTP: CIDR,...; default: none"`
}

// DeliveryConfig is what the environment says about their delivery.
type DeliveryConfig struct {
	Concurrency int           `env:"NOTIFICATION_CONCURRENCY" envDefault:"16" desc:"channels that notifications are delivered to at the same time"`
	Retention   time.Duration `env:"NOTIFICATION_RETENTION" envDefault:"720h" desc:"how long the log of notifications is kept"`
}

// Validate is asked after parsing.
func (c *DeliveryConfig) Validate() error {
	var problems []error
	if c.Concurrency < 1 || c.Concurrency > 200 {
		problems = append(problems, errors.New("NOTIFICATION_CONCURRENCY: from 1 to 200"))
	}
	// A message that is written twice is known by what the log has.
	if c.Retention < 24*time.Hour {
		problems = append(problems, errors.New("NOTIFICATION_RETENTION: a day or longer"))
	}
	return errors.Join(problems...)
}

// Validate is asked after parsing.
func (c *Config) Validate() error {
	for _, text := range c.PrivateNetworks {
		if _, err := netip.ParsePrefix(text); err != nil {
			return fmt.Errorf("NOTIFICATION_PRIVATE_NETWORKS: %q is no network like 192.0.2.0/24", text)
		}
	}
	return nil
}

// Query is what is asked of the log.
type Query struct {
	Channel       int64
	Limit, Offset int
}

// Store keeps channels and the log. What the caller may not see is not there: an account
// sees its own channels, an OWNER those of the organization.
type Store interface {
	// Channels lists those of an organization, or for 0 all that the caller may see.
	Channels(ctx context.Context, caller access.Caller, organization int64) ([]Channel, error)
	Channel(ctx context.Context, caller access.Caller, id int64) (Channel, error)
	// Make keeps a new channel with the messages that edit returns; their Channel is set.
	Make(ctx context.Context, caller access.Caller, k Kept, edit Edit) (Channel, error)
	// Change changes a channel, and writes the messages that edit returns.
	Change(ctx context.Context, caller access.Caller, id int64, edit Edit) (Channel, error)
	Delete(ctx context.Context, caller access.Caller, id int64) error
	// Log returns a page of it, the newest first, and how long it is.
	Log(ctx context.Context, caller access.Caller, q Query) ([]Logged, int, error)
	// Logged returns one with its tries, the newest last.
	Logged(ctx context.Context, caller access.Caller, id int64) (Logged, error)
	// Replay has a parcel that has ended delivered once more, if may says nothing against it.
	Replay(ctx context.Context, caller access.Caller, id int64, now time.Time, may func(Counter) error) (Logged, error)
	// Leave disables the channel if the key is that of its mails.
	Leave(ctx context.Context, id int64, key string, now time.Time) (Channel, error)
}

// Counter counts what is done under a key, and returns how long to wait when it is more
// often than limit in the window.
type Counter func(key string, limit int, window time.Duration) (time.Duration, error)

// Edit changes a channel and returns what it is to be told. It may be called several times.
type Edit func(k *Kept, count Counter) ([]Message, error)

// Service has what people do with channels.
type Service struct {
	Store Store
	// Private says that some networks that are not public may be sent into.
	Private bool
	// Leads says what is wrong with where a host leads, by now; nil: it is not asked.
	Leads func(ctx context.Context, host string) error
	Now   func() time.Time
}

const (
	codeLife  = time.Hour
	codeTries = 5
	// oldKeyLife is how long the key before the present one signs, too.
	oldKeyLife = 24 * time.Hour
)

// How often somebody may have something sent that nobody asked for. A code goes to whoever
// the caller says it does.
const (
	codesOfAccount  = 30 // a day
	codesOfTarget   = 6  // a day
	testsOfChannel  = 10 // an hour
	replaysOfPeople = 60 // an hour
)

func newKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

func newLeave() string { return rand.Text() }

// newCode gives the channel a code, and returns the message that brings it.
func (k *Kept) newCode(now time.Time) Message {
	n, _ := rand.Int(rand.Reader, big.NewInt(1_000_000)) // never fails
	code := fmt.Sprintf("%06d", n.Int64())
	k.CodeDigest, k.CodeMadeAt, k.CodeTries, k.AnsweredAt = digest(code), &now, 0, nil
	data, _ := json.Marshal(map[string]string{"code": code})
	return Message{Channel: k.ID, Key: KindConfirm + ":" + rand.Text(), Kind: KindConfirm, Organization: k.OrganizationID, Data: data}
}

func digest(code string) []byte {
	sum := sha256.Sum256([]byte(code))
	return sum[:]
}

// throttle refuses what comes too often.
func (count Counter) throttle(key string, limit int, window time.Duration) error {
	wait, err := count(key, limit, window)
	if err == nil && wait > 0 {
		err = fault.NewExhausted(wait, "too often")
	}
	return err
}

// Mailbox is where an e-mail address is read, for comparison: in small letters and without its tag, because
// olga+1@example.org is read where olga@example.org is. Addresses of other kinds have no @ in a name.
func Mailbox(address string) string {
	address = strings.ToLower(address)
	local, domain, ok := strings.Cut(address, "@")
	if !ok || strings.Contains(address, "/") {
		return address
	}
	if name, _, tagged := strings.Cut(local, "+"); tagged && name != "" {
		local = name
	}
	return local + "@" + domain
}

// bringCode has a code sent, unless it is too often for the caller, or for the receiver.
func (s Service) bringCode(caller access.Caller, k *Kept, count Counter) ([]Message, error) {
	if err := count.throttle("notify:code:"+strconv.FormatInt(caller.UserID, 10), codesOfAccount, 24*time.Hour); err != nil {
		return nil, err
	}
	target := digest(string(k.Kind) + "\x00" + Mailbox(k.Secret.Address) + "\x00" + k.Secret.Room)
	if err := count.throttle("notify:to:"+hex.EncodeToString(target[:16]), codesOfTarget, 24*time.Hour); err != nil {
		return nil, err
	}
	return []Message{k.newCode(s.Now())}, nil
}

// leads refuses an address that leads into a network that may not be called: whoever gives it is
// told at once. That a name means something else later is seen when it is called.
func (s Service) leads(ctx context.Context, kind Kind, w Wanted) *fault.Violation {
	if s.Leads == nil || kind == Email || w.Address == nil {
		return nil
	}
	to, ok := placeOf(*w.Address, true)
	if !ok {
		return nil // which is said with all else that is wrong with it
	}
	if s.Leads(ctx, to.Hostname()) != nil {
		return wrong("address", reason.ChannelNotPublic)
	}
	return nil
}

// Make makes a channel, and has a code sent through it. key is the one that signs, of a
// webhook, which is not to be had again.
func (s Service) Make(ctx context.Context, caller access.Caller, owner Channel, w Wanted) (made Channel, key string, err error) {
	if broken := s.leads(ctx, owner.Kind, w); broken != nil {
		return made, "", broken
	}
	k := Kept{Channel: owner}
	if _, broken := k.apply(w, s.Private); broken != nil {
		return made, "", broken
	}
	k.Secret.complete(k.Kind)
	made, err = s.Store.Make(ctx, caller, k, func(k *Kept, count Counter) ([]Message, error) { return s.bringCode(caller, k, count) })
	return made, k.Secret.Key, err
}

// Change changes a channel. One that leads elsewhere then has to be confirmed again.
func (s Service) Change(ctx context.Context, caller access.Caller, id int64, w Wanted) (Channel, error) {
	if w.Address != nil {
		old, err := s.Store.Channel(ctx, caller, id)
		if err != nil {
			return old, err
		}
		if broken := s.leads(ctx, old.Kind, w); broken != nil {
			return old, broken
		}
	}
	return s.Store.Change(ctx, caller, id, func(k *Kept, count Counter) ([]Message, error) {
		elsewhere, broken := k.apply(w, s.Private)
		if broken != nil {
			return nil, broken
		}
		if !elsewhere {
			return nil, nil
		}
		k.ConfirmedAt = nil
		if k.Kind == Email {
			k.Secret.Leave = newLeave() // whoever read the mails before has no say in these
		}
		return s.bringCode(caller, k, count)
	})
}

// SendCode has a new code sent.
func (s Service) SendCode(ctx context.Context, caller access.Caller, id int64) (Channel, error) {
	return s.Store.Change(ctx, caller, id, func(k *Kept, count Counter) ([]Message, error) {
		if k.Active() {
			return nil, &fault.Violation{Reason: reason.ChannelConfirmed, Conflict: true}
		}
		return s.bringCode(caller, k, count)
	})
}

// Confirm makes a channel one that is told something: by the code that came through it, or
// for a webhook because its receiver answered.
func (s Service) Confirm(ctx context.Context, caller access.Caller, id int64, code string) (Channel, error) {
	now := s.Now()
	var refused *fault.Violation
	changed, err := s.Store.Change(ctx, caller, id, func(k *Kept, _ Counter) ([]Message, error) {
		refused = nil
		if k.Active() {
			return nil, nil
		}
		good := k.CodeDigest != nil && k.CodeMadeAt != nil && now.Sub(*k.CodeMadeAt) < codeLife && k.CodeTries < codeTries
		switch {
		case k.Kind == Webhook && code == "" && k.AnsweredAt != nil:
		case k.Kind == Webhook && code == "":
			refused = wrong("code", reason.ChannelUnanswered)
			return nil, nil
		case good && bytes.Equal(digest(code), k.CodeDigest):
		default:
			k.CodeTries++
			refused = wrong("code", reason.ChannelCodeWrong)
			return nil, nil
		}
		k.ConfirmedAt, k.CodeDigest, k.CodeMadeAt, k.DisabledAt, k.DisabledWhy = &now, nil, nil, nil, ""
		return nil, nil
	})
	if err == nil && refused != nil {
		return changed, refused
	}
	return changed, err
}

// Test has something sent that says it is a test.
func (s Service) Test(ctx context.Context, caller access.Caller, id int64) (Channel, error) {
	return s.Store.Change(ctx, caller, id, func(k *Kept, count Counter) ([]Message, error) {
		if !k.Active() {
			return nil, &fault.Violation{Reason: reason.ChannelUnconfirmed, Conflict: true}
		}
		if err := count.throttle("notify:test:"+strconv.FormatInt(id, 10), testsOfChannel, time.Hour); err != nil {
			return nil, err
		}
		data, _ := json.Marshal(map[string]string{"channel": k.Name}) // texts only
		return []Message{{Channel: id, Key: KindTest + ":" + rand.Text(), Kind: KindTest, Organization: k.OrganizationID, Data: data}}, nil
	})
}

// Rotate gives a webhook a new key. The old one signs beside it for a day.
func (s Service) Rotate(ctx context.Context, caller access.Caller, id int64) (changed Channel, key string, err error) {
	changed, err = s.Store.Change(ctx, caller, id, func(k *Kept, _ Counter) ([]Message, error) {
		if k.Kind != Webhook {
			return nil, wrong("kind", reason.Invalid)
		}
		key = newKey()
		k.Secret.OldKey, k.Secret.OldUntil, k.Secret.Key = k.Secret.Key, s.Now().Add(oldKeyLife), key
		return nil, nil
	})
	return changed, key, err
}

// Replay has a parcel that has ended delivered once more, with its id.
func (s Service) Replay(ctx context.Context, caller access.Caller, id int64) (Logged, error) {
	return s.Store.Replay(ctx, caller, id, s.Now(), func(count Counter) error {
		return count.throttle("notify:replay:"+strconv.FormatInt(caller.UserID, 10), replaysOfPeople, time.Hour)
	})
}
