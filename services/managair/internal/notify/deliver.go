package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// MaxParcel bounds how many messages go as one.
const MaxParcel = 200

// MaxOfOwner is how many channels of one account or organization are delivered to at the same
// time, of all workers: receivers of one owner that take their time hold up no others.
const MaxOfOwner = 2

// Outbox is what a Dispatcher needs of the store. A channel is one Dispatcher's at a time:
// its receiver gets one call after the other, in order, and holds up nobody else.
type Outbox interface {
	// Take takes a channel for which something is due. ok is false where there is none.
	Take(ctx context.Context, holder int64, now, until time.Time) (k Kept, ok bool, err error)
	// Next makes a parcel of what is due, for what the channel leads to by now, and drops what is
	// not to be told any more, or what a later message about the same thing that is due tells
	// better (see Message.Key). ok is false where nothing is left, or the channel is another
	// one's by now.
	Next(ctx context.Context, channel, holder int64, now time.Time) (p Parcel, ok bool, err error)
	// Done keeps what became of a try. What it says of the channel counts only where the channel
	// leads to what was called still, and a code only while it is the newest.
	Done(ctx context.Context, p Parcel, r Result) error
	// Release lets others have the channel.
	Release(ctx context.Context, channel, holder int64) error
	// Forget deletes what ended before a time.
	Forget(ctx context.Context, before time.Time) (int64, error)
}

// Parcel is what is sent at once.
type Parcel struct {
	// ID is that of its first message.
	ID int64
	// Channel is as it is when the parcel is made: what it leads to changes between two.
	Channel Kept
	// Attempts is how often it was tried already.
	Attempts int
	// First is what it was made with, which may have been dropped since: its id is the
	// parcel's, as long as that is tried.
	First    Sent
	Messages []Sent
}

// Sent is a message as its outbox has it.
type Sent struct {
	Message

	ID        int64
	WrittenAt time.Time
}

// EventID is the same whenever the message is sent, and no other's, after a restore neither.
func (s *Sent) EventID() string {
	sum := sha256.Sum256([]byte(strconv.FormatInt(s.Channel, 10) + "\x00" + s.Key + "\x00" + s.WrittenAt.UTC().Format(time.RFC3339Nano)))
	return "msg_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20]))
}

// Delivery is a parcel with all that a Sender needs.
type Delivery struct {
	Channel Kept
	Parcel  Parcel
	Notice  Notice
	// PublicURL is scheme and host of links, without a slash at its end.
	PublicURL string
	Now       time.Time
}

// ID is the idempotency key of the delivery.
func (d *Delivery) ID() string { return d.Parcel.First.EventID() }

// Confidential reports whether what is sent must not be read again in the log.
func (d *Delivery) Confidential() bool { return d.Parcel.Messages[0].Kind == KindConfirm }

// Answer is what a receiver said.
type Answer struct {
	Status int
	Text   string
	// Sent is what it was sent.
	Sent string
	// RetryAfter is how long it asked to be left alone.
	RetryAfter time.Duration
	// Blameless says that it failed by what is ours, such as the mail server.
	Blameless bool
}

// ErrGone says that the receiver is gone for good.
var ErrGone = errors.New("the receiver says that it is gone")

// Sender delivers by one kind of channels. An error of kind fault.Invalid says that trying
// again is useless; ErrGone, that nothing is to be sent there any more. Texts of errors are
// shown to the owner of the channel, and hold no secret.
type Sender interface {
	Send(ctx context.Context, d *Delivery) (Answer, error)
}

// Trouble is how long the receiver of a channel has failed, whatever it was sent.
type Trouble struct {
	// Failures is how many tries in a row failed.
	Failures int
	// Since is when the first of them was; the zero time: there is none.
	Since time.Time
}

// Result is what became of a try.
type Result struct {
	Attempt Attempt
	State   State
	Why     string
	// DueAt is when it is tried again, while it waits.
	DueAt time.Time
	// RestsUntil is until when the channel is left alone; the zero time: it is not.
	RestsUntil time.Time
	// Trouble is that of the channel after the try.
	Trouble Trouble
	Disable string
	At      time.Time
	// Answered says that the receiver took a code.
	Answered bool
	// Blameless says that it failed by what is ours: nothing is known of the channel after it that was not before.
	Blameless bool
}

// waits are how long it is waited after each try that failed, more or less.
var waits = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour,
}

// MaxAttempts is how often a parcel is tried, in about a day.
var MaxAttempts = len(waits) + 1

const (
	// maxRest bounds how long a receiver may ask to be left alone, and the pauses of one that fails.
	maxRest = time.Hour
	// slowRest is how much longer than a try that failed the pause after it is: a receiver that
	// lets us wait has little of our time.
	slowRest = 6
	// refusingFor is how long a receiver may answer with nothing but errors, and silentFor how
	// long there may be no answer at all, which may be a fault of networks: then it is disabled.
	refusingFor = 3 * 24 * time.Hour
	silentFor   = 14 * 24 * time.Hour
)

// backoff returns how long to wait after a try, a fifth more or less, so that not all come at once.
func backoff(attempts int, random float64) time.Duration {
	wait := waits[min(max(attempts, 1), len(waits))-1]
	return time.Duration(float64(wait) * (0.8 + 0.4*random))
}

// judge says what becomes of a parcel after a try.
func judge(d *Delivery, answer Answer, err error, now time.Time) Result {
	r := Result{State: Delivered, At: now, Attempt: Attempt{Outcome: OutcomeDelivered, Status: answer.Status, Answer: clip(answer.Text, MaxAnswer), Sent: clip(answer.Sent, MaxSent)}}
	if d.Confidential() {
		// Receivers answer with what they were sent, so the answer may have it, too.
		r.Attempt.Sent, r.Attempt.Answer, r.Answered = "", "", err == nil
	}
	if err == nil {
		return r
	}
	rest := r.blame(d, &answer, now)
	r.Why = clip(fault.Describe(err), MaxAnswer)
	if r.Attempt.Answer == "" {
		r.Attempt.Answer = r.Why
	}
	tried := d.Parcel.Attempts + 1
	switch {
	case errors.Is(err, ErrGone):
		r.State, r.Attempt.Outcome, r.Disable = Dead, OutcomeRefused, Gone
	case fault.Is(err, fault.Invalid):
		r.State, r.Attempt.Outcome = Dead, OutcomeRefused
	case tried >= MaxAttempts:
		r.State, r.Attempt.Outcome = Dead, OutcomeFailed
	default:
		r.State, r.Attempt.Outcome = Waiting, OutcomeFailed
		wait := backoff(tried, rand.Float64()) //nolint:gosec // no secret
		r.DueAt = now.Add(max(wait, rest))
	}
	return r
}

// blame notes a failure as the receiver's, and returns how long it is left alone, which is
// longer each time. After days of nothing else the channel is disabled.
func (r *Result) blame(d *Delivery, answer *Answer, now time.Time) time.Duration {
	r.Trouble = d.Channel.Trouble
	if r.Blameless = answer.Blameless; r.Blameless {
		return 0
	}
	r.Trouble.Failures++
	if r.Trouble.Since.IsZero() {
		r.Trouble.Since = now
	}
	rest := max(backoff(r.Trouble.Failures, rand.Float64()), slowRest*now.Sub(d.Now), answer.RetryAfter) //nolint:gosec // no secret
	rest = min(rest, maxRest)
	r.RestsUntil = now.Add(rest)
	if lasts := now.Sub(r.Trouble.Since); lasts >= silentFor || answer.Status != 0 && lasts >= refusingFor {
		r.Disable, r.Trouble = Failing, Trouble{} // confirmed again, it begins anew
	}
	return rest
}

// clip shortens a text to so many characters, and takes out what the database does not keep.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
	n := 0
	for i := range text {
		if n == most {
			return text[:i]
		}
		n++
	}
	return text
}

// Backlog is what waits to be delivered, of all channels.
type Backlog struct {
	// Waiting is all that waits, Overdue what could be delivered now: neither put off, nor at a
	// receiver that is left alone.
	Waiting, Overdue int
	// Dead is what was given up in the last day.
	Dead int
}

// Observer counts deliveries.
type Observer interface {
	Delivered(kind Kind, outcome string, took time.Duration)
}

// Dispatcher delivers what is due.
type Dispatcher struct {
	Outbox  Outbox
	Senders map[Kind]Sender
	// Writers are by subject, the part of kinds before the point.
	Writers   map[string]Writer
	PublicURL string
	Log       *slog.Logger
	Observer  Observer
	Now       func() time.Time
	// AtOnce is how many channels are delivered to at the same time.
	AtOnce int
}

const (
	// SendTime is how long one try may take.
	SendTime = 10 * time.Second
	// turnTime is how long one channel is delivered to before others have their turn, and
	// leaseTime how long it is nobody else's: longer than the turn and the last try in it.
	turnTime  = 20 * time.Second
	leaseTime = time.Minute
	// poll is how often it is looked for what is due.
	poll = 500 * time.Millisecond
)

// Run delivers until ctx ends, and returns when nothing is in flight.
func (d *Dispatcher) Run(ctx context.Context) {
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	free := make(chan struct{}, d.AtOnce)
	failing := false
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		holder := rand.Int64() //nolint:gosec // told apart from others, and no secret
		now := d.Now()
		k, ok, err := d.Outbox.Take(ctx, holder, now, now.Add(leaseTime))
		if err == nil && ok {
			failing = false
			inFlight.Go(func() {
				defer func() { <-free }()
				d.turn(ctx, k, holder)
			})
			continue
		}
		<-free
		if err != nil && ctx.Err() == nil && !failing {
			d.Log.ErrorContext(ctx, "notifications cannot be read; they wait", "err", err)
		}
		failing = err != nil
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return
		}
	}
}

// turn delivers to one channel what is due. What is begun is brought to its end.
func (d *Dispatcher) turn(ctx context.Context, k Kept, holder int64) {
	within := context.WithoutCancel(ctx)
	end := d.Now().Add(turnTime)
	err := func() error {
		for ctx.Err() == nil && d.Now().Before(end) {
			p, ok, err := d.Outbox.Next(within, k.ID, holder, d.Now())
			if err != nil || !ok {
				return err
			}
			r := d.send(within, p)
			if err := d.Outbox.Done(within, p, r); err != nil {
				return err
			}
			if !r.RestsUntil.IsZero() || r.Disable != "" {
				return nil
			}
		}
		return nil
	}()
	if err = errors.Join(err, d.Outbox.Release(within, k.ID, holder)); err != nil {
		d.Log.WarnContext(within, "a channel is delivered to later", "channel", k.ID, "err", err)
	}
}

// send tries to deliver a parcel.
func (d *Dispatcher) send(ctx context.Context, p Parcel) Result {
	began := d.Now()
	k := p.Channel
	delivery := Delivery{Channel: k, Parcel: p, PublicURL: strings.TrimSuffix(d.PublicURL, "/"), Now: began}
	if delivery.Confidential() {
		delivery.Channel.Name = "" // somebody's words, and nobody has confirmed that they are welcome
	}
	answer := Answer{Blameless: true}
	var err error
	if delivery.Notice, err = d.write(&delivery); err == nil {
		sender, known := d.Senders[k.Kind]
		if !known {
			err = fault.New(fault.Unavailable, "this worker knows no channels of kind %s", k.Kind)
		} else {
			within, cancel := context.WithTimeout(ctx, SendTime)
			answer, err = sender.Send(within, &delivery)
			cancel()
		}
	}
	r := judge(&delivery, answer, err, d.Now())
	took := r.At.Sub(began)
	r.Attempt.BeganAt, r.Attempt.TookMS = began, int(min(took, time.Hour).Milliseconds())
	d.Observer.Delivered(k.Kind, r.Attempt.Outcome, took)
	d.Log.InfoContext(ctx, "notification tried", "channel", k.ID, "kind", k.Kind, "notification", p.ID, "count", len(p.Messages),
		"outcome", r.Attempt.Outcome, "status", r.Attempt.Status, "attempt", p.Attempts+1, "duration", took, "failures", r.Trouble.Failures, "disabled", r.Disable)
	return r
}

// write makes the text of a parcel: of one message its own, of several a list.
func (d *Dispatcher) write(delivery *Delivery) (Notice, error) {
	language := delivery.Channel.Language
	if !words.Known(language) {
		language = words.Languages[0].Code
	}
	notices := make([]Notice, len(delivery.Parcel.Messages))
	for i := range delivery.Parcel.Messages {
		m := &delivery.Parcel.Messages[i]
		subject, _, _ := strings.Cut(m.Kind, ".")
		writer, known := d.Writers[subject]
		if !known {
			return Notice{}, fault.New(fault.Unavailable, "this worker knows no messages of kind %s", m.Kind)
		}
		var err error
		if notices[i], err = writer(m.Kind, m.Data, language); err != nil {
			return Notice{}, fault.Wrap(fault.Invalid, err, "the message cannot be written")
		}
		notices[i].Title = oneLine(notices[i].Title)
	}
	if len(notices) == 1 {
		return notices[0], nil
	}
	return digestOf(notices, language), nil
}

// maxListed is how many messages of a digest are listed.
const maxListed = 30

func digestOf(notices []Notice, language string) Notice {
	all := Notice{
		Title: strings.NewReplacer("{n}", strconv.Itoa(len(notices)), "{first}", notices[0].Title).Replace(words.NotifyDigest.In(language)),
		Link:  notices[0].Link, Overview: notices[0].Overview,
	}
	for i, n := range notices {
		all.Urgent = all.Urgent || n.Urgent
		if n.Overview != all.Overview {
			all.Overview = ""
		}
		if n.Link != all.Link {
			all.Link = ""
		}
		if i < maxListed {
			all.Paragraphs = append(all.Paragraphs, "• "+n.Title)
		}
	}
	all.Link = cmp.Or(all.Link, all.Overview, "/")
	if more := len(notices) - maxListed; more > 0 {
		all.Paragraphs = append(all.Paragraphs, strings.ReplaceAll(words.NotifyMore.In(language), "{n}", strconv.Itoa(more)))
	}
	return all
}

// oneLine keeps names with line breaks out of headers and titles.
func oneLine(text string) string {
	return clip(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }), " "), 200)
}

// Write is the Writer of this package's own messages.
func Write(kind string, data json.RawMessage, language string) (Notice, error) {
	var of struct{ Code, Channel string }
	if err := json.Unmarshal(data, &of); err != nil {
		return Notice{}, fmt.Errorf("read a message of a channel: %w", err)
	}
	letter := words.ChannelTest
	if kind == KindConfirm {
		letter = words.ChannelConfirm
	}
	fill := strings.NewReplacer("{code}", of.Code, "{channel}", of.Channel)
	return Notice{Title: fill.Replace(letter.Subject.In(language)), Paragraphs: strings.Split(fill.Replace(letter.Body.In(language)), "\n\n")}, nil
}
