package notify

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

var at = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)

func tried(n int) *Delivery {
	return &Delivery{Now: at, Parcel: Parcel{ID: 1, Attempts: n, Messages: []Sent{{Message: Message{Kind: "alert.opened"}}}}}
}

func took(long time.Duration, d *Delivery) *Delivery {
	d.Now = at.Add(-long)
	return d
}

func troubled(failures int, long time.Duration) *Delivery {
	d := tried(0)
	d.Channel.Trouble = Trouble{failures, at.Add(-long)}
	return d
}

func TestWhatBecomesOfATry(t *testing.T) {
	t.Parallel()
	down := fault.New(fault.Unavailable, "down")
	for _, tt := range []struct {
		name    string
		d       *Delivery
		answer  Answer
		err     error
		state   State
		outcome string
		least   time.Duration
		most    time.Duration
		rests   time.Duration
		disable string
	}{
		{"good", tried(0), Answer{Status: 204}, nil, Delivered, OutcomeDelivered, 0, 0, 0, ""},
		{"down for the first time", tried(0), Answer{}, down, Waiting, OutcomeFailed, 4 * time.Second, 6 * time.Second, 6 * time.Second, ""},
		{"down still", tried(5), Answer{Status: 500}, down, Waiting, OutcomeFailed, 48 * time.Minute, 72 * time.Minute, 6 * time.Second, ""},
		{"down for the last time", tried(MaxAttempts - 1), Answer{}, down, Dead, OutcomeFailed, 0, 0, 6 * time.Second, ""},
		{"busy", tried(0), Answer{Status: 429, RetryAfter: 2 * time.Minute}, down, Waiting, OutcomeFailed, 2 * time.Minute, 2 * time.Minute, 2 * time.Minute, ""},
		{"busy for years", tried(0), Answer{Status: 429, RetryAfter: 1e6 * time.Hour}, down, Waiting, OutcomeFailed, maxRest, maxRest, maxRest, ""},
		{"refused", tried(0), Answer{Status: 403}, fault.New(fault.Invalid, "no"), Dead, OutcomeRefused, 0, 0, 6 * time.Second, ""},
		{"gone", tried(0), Answer{Status: 410}, ErrGone, Dead, OutcomeRefused, 0, 0, 6 * time.Second, Gone},
		{"an error of ours", tried(0), Answer{Blameless: true}, errors.New("broken"), Waiting, OutcomeFailed, 4 * time.Second, 6 * time.Second, 0, ""},
		{"no answer in time", took(10*time.Second, tried(0)), Answer{}, down, Waiting, OutcomeFailed, time.Minute, time.Minute, time.Minute, ""},
		{"down for an hour, and anew", troubled(8, time.Hour), Answer{}, down, Waiting, OutcomeFailed, 48 * time.Minute, maxRest, maxRest, ""},
		{"refused for days", troubled(80, refusingFor), Answer{Status: 403}, down, Waiting, OutcomeFailed, 48 * time.Minute, maxRest, maxRest, Failing},
		{"our mail server is down for days", troubled(0, refusingFor), Answer{Status: 0, Blameless: true}, down, Waiting, OutcomeFailed, 4 * time.Second, 6 * time.Second, 0, ""},
		{"silent for days", troubled(80, refusingFor), Answer{}, down, Waiting, OutcomeFailed, 48 * time.Minute, maxRest, maxRest, ""},
		{"silent for weeks", troubled(400, silentFor), Answer{}, down, Waiting, OutcomeFailed, 48 * time.Minute, maxRest, maxRest, Failing},
		{"good again", troubled(80, refusingFor), Answer{Status: 200}, nil, Delivered, OutcomeDelivered, 0, 0, 0, ""},
	} {
		r := judge(tt.d, tt.answer, tt.err, at)
		if r.State != tt.state || r.Attempt.Outcome != tt.outcome || r.Disable != tt.disable || r.Blameless != tt.answer.Blameless {
			t.Errorf("%s: %+v", tt.name, r)
		}
		if wait := r.DueAt.Sub(at); r.State == Waiting && (wait < tt.least || wait > tt.most) {
			t.Errorf("%s: waits %v", tt.name, wait)
		}
		if rests := r.RestsUntil; rests.IsZero() != (tt.rests == 0) || rests.Sub(at) > tt.rests && tt.rests > 0 || tt.rests > 0 && rests.Sub(at) < tt.rests*6/10 {
			t.Errorf("%s: rests until %v", tt.name, rests)
		}
		if want := tt.d.Channel.Trouble.Failures + 1; tt.rests > 0 && tt.disable != Failing && r.Trouble.Failures != want || tt.err == nil && r.Trouble != (Trouble{}) {
			t.Errorf("%s: %+v", tt.name, r.Trouble)
		}
	}
}

// Whoever reads the log does not read the code there.
func TestCodesAreNotLogged(t *testing.T) {
	t.Parallel()
	d := tried(0)
	d.Parcel.Messages[0].Kind = KindConfirm
	// Services of people answer with the message itself.
	echo := Answer{Status: 200, Sent: "123456", Text: `{"message": "123456"}`}
	if r := judge(d, echo, nil, at); r.Attempt.Sent != "" || r.Attempt.Answer != "" || !r.Answered {
		t.Errorf("%+v", r)
	}
	if r := judge(d, echo, fault.New(fault.Unavailable, "down"), at); r.Attempt.Sent != "" || r.Attempt.Answer != "down" || r.Answered {
		t.Errorf("%+v", r)
	}
}

func TestTextsOfChannels(t *testing.T) {
	t.Parallel()
	d := &Dispatcher{Writers: map[string]Writer{"channel": Write}}
	delivery := tried(0)
	delivery.Channel.Language = "en"
	m := &delivery.Parcel.Messages[0]
	m.Kind, m.Data = KindConfirm, json.RawMessage(`{"code": "012345", "channel": "A\r\nBcc: evil@example.com"}`)
	n, err := d.write(delivery)
	if err != nil || !strings.Contains(n.Title, "012345") || strings.ContainsAny(n.Title, "\r\n") {
		t.Errorf("%q, %v", n.Title, err)
	}
	m.Kind = "unknown.kind"
	if _, err := d.write(delivery); !fault.Is(err, fault.Unavailable) {
		t.Errorf("unknown: %v", err) // another version of the worker may know it
	}
	m.Kind = KindTest
	delivery.Parcel.Messages = append(delivery.Parcel.Messages, *m, *m)
	if n, err = d.write(delivery); err != nil || !strings.HasPrefix(n.Title, "3 messages: ") || len(n.Paragraphs) != 3 {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestClippedTextsCanBeKept(t *testing.T) {
	t.Parallel()
	if got := clip("ä\x00\xffbc", 3); got != "ä\uFFFDb" {
		t.Errorf("%q", got)
	}
}

// The id of an event does not change when it is sent again, and is no other's.
func TestEventIDs(t *testing.T) {
	t.Parallel()
	one := Sent{Message: Message{Channel: 1, Key: "k"}, WrittenAt: at}
	same := Sent{Message: Message{Channel: 1, Key: "k", NotBefore: at}, WrittenAt: at.Local(), ID: 9}
	other := Sent{Message: Message{Channel: 1, Key: "k"}, WrittenAt: at.Add(time.Microsecond)}
	if one.EventID() != same.EventID() || one.EventID() == other.EventID() {
		t.Error(one.EventID(), same.EventID(), other.EventID())
	}
}
