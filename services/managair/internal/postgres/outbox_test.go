package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// A worker that is killed between the call and the note of it has it made once more, by the
// next one, with the same id; and is noticed when it comes back.
func TestParcelOfAKilledWorker(t *testing.T) {
	t.Parallel()
	h := told(t)
	s := postgres.Notifications{Pool: h.as}
	one, two := message(1, "a"), message(1, "b")
	one.Group, two.Group = "g", "g"
	if err := enqueue(t, h, one, two); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Minute)
	k, ok, err := s.Take(t.Context(), 7, now, now.Add(time.Minute))
	if err != nil || !ok || k.ID != 1 {
		t.Fatal(k.ID, ok, err)
	}
	first, ok, err := s.Next(t.Context(), k.ID, 7, now)
	if err != nil || !ok || len(first.Messages) != 2 {
		t.Fatal(first, ok, err)
	}
	// It is killed here. A third message of the group is none of that parcel.
	three := message(1, "c")
	three.Group = "g"
	if err := enqueue(t, h, three); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Take(t.Context(), 8, now.Add(59*time.Second), now.Add(2*time.Minute)); err != nil || ok {
		t.Fatal("taken while it is another one's", err)
	}
	later := now.Add(time.Minute)
	if _, ok, err := s.Take(t.Context(), 8, later, later.Add(time.Minute)); err != nil || !ok {
		t.Fatal("not taken over", err)
	}
	again, ok, err := s.Next(t.Context(), k.ID, 8, later)
	if err != nil || !ok || again.ID != first.ID || len(again.Messages) != 2 || again.Messages[0].EventID() != first.Messages[0].EventID() {
		t.Fatalf("%+v, %v, want %+v", again, err, first)
	}
	if _, ok, err := s.Next(t.Context(), k.ID, 7, later); err != nil || ok {
		t.Error("goes on after it was taken over", err)
	}
	if err := s.Done(t.Context(), again, notify.Result{State: notify.Delivered, At: later, Attempt: notify.Attempt{BeganAt: later, Outcome: notify.OutcomeDelivered}}); err != nil {
		t.Fatal(err)
	}
	rest, ok, err := s.Next(t.Context(), k.ID, 8, later)
	if err != nil || !ok || len(rest.Messages) != 1 || rest.Messages[0].Key != "c" {
		t.Errorf("%+v, %v", rest, err)
	}
}

// Who is no member any more is told nothing of the organization, and its channel nothing of others.
func TestWhatIsNotToBeToldAnyMore(t *testing.T) {
	t.Parallel()
	h := told(t)
	s := postgres.Notifications{Pool: h.as}
	other := message(1, "other")
	other.Organization = 2
	foreign := message(2, "foreign")
	foreign.Organization = 2
	if err := enqueue(t, h, other, foreign); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Minute)
	for range 2 {
		k, ok, err := s.Take(t.Context(), 7, now, now.Add(time.Minute))
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if p, ok, err := s.Next(t.Context(), k.ID, 7, now); err != nil || ok {
			t.Errorf("%+v, %v", p, err)
		}
	}
	var dropped int
	if err := h.as.QueryRow(t.Context(), "SELECT count(*) FROM notification WHERE state = 'dropped' AND why = 'not_a_member'").Scan(&dropped); err != nil || dropped != 2 {
		t.Errorf("%d dropped, %v", dropped, err)
	}
	// What it was not told is not in the log either.
	log, _, err := s.Log(t.Context(), access.Caller{UserID: 1}, notify.Query{Channel: 1, Limit: 10})
	if err != nil || len(log) != 1 || string(log[0].Data) != "{}" {
		t.Errorf("%+v, %v", log, err)
	}
	// Forgotten in time.
	if n, err := s.Forget(t.Context(), now.Add(time.Hour)); err != nil || n != 2 {
		t.Errorf("%d forgotten, %v", n, err)
	}
}

// An account that is switched off is told nothing, and sees nothing of what waited for it.
func TestAccountsThatAreSwitchedOffAreToldNothing(t *testing.T) {
	t.Parallel()
	h := told(t)
	s := postgres.Notifications{Pool: h.as}
	if err := enqueue(t, h, message(1, "a"), message(2, "b")); err != nil {
		t.Fatal(err)
	}
	h.exec(t, "UPDATE user_account SET is_active = false WHERE id = 1")
	now := time.Now().Add(time.Minute)
	for channel, want := range map[int64]bool{1: false, 2: true} {
		h.exec(t, fmt.Sprintf("UPDATE notification_channel SET taken_by = 7 WHERE id = %d", channel))
		if p, ok, err := s.Next(t.Context(), channel, 7, now); err != nil || ok != want {
			t.Errorf("channel %d: %+v, %v", channel, p, err)
		}
	}
}

// What a channel leads to changes between two parcels, and while one is on its way.
func TestParcelsGoWhereTheChannelLeadsByNow(t *testing.T) {
	t.Parallel()
	h := told(t)
	s := postgres.Notifications{Pool: h.as}
	service := notify.Service{Store: s, Now: time.Now}
	olga := access.Caller{UserID: 1}
	made, _, err := service.Make(t.Context(), olga, notify.Channel{Kind: notify.Email, UserID: 1},
		notify.Wanted{Name: new("Mail"), Language: new("de"), Address: new("olga@example.org")})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Minute)
	if k, ok, err := s.Take(t.Context(), 7, now, now.Add(time.Minute)); err != nil || !ok || k.ID != made.ID {
		t.Fatal(k.ID, ok, err)
	}
	// The first code has not left yet: it goes nowhere any more.
	if _, err := service.Change(t.Context(), olga, made.ID, notify.Wanted{Address: new("ida@example.org")}); err != nil {
		t.Fatal(err)
	}
	p, ok, err := s.Next(t.Context(), made.ID, 7, now)
	if err != nil || !ok || p.Channel.Secret.Address != "ida@example.org" || len(p.Messages) != 1 || p.ID == 1 {
		t.Fatalf("%+v, %v, %v", p, ok, err)
	}
	var superseded int
	if err := h.as.QueryRow(t.Context(), "SELECT count(*) FROM notification WHERE state = 'dropped' AND why = 'superseded' AND data = '{}'").Scan(&superseded); err != nil || superseded != 1 {
		t.Errorf("%d superseded, %v", superseded, err)
	}
	// The second is on its way.
	if _, err := service.Change(t.Context(), olga, made.ID, notify.Wanted{Address: new("eva@example.org")}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []notify.Result{
		{Answered: true}, {Disable: notify.Gone}, {RestsUntil: now.Add(time.Hour)},
	} {
		r.State, r.At, r.Attempt = notify.Delivered, now, notify.Attempt{BeganAt: now, Outcome: notify.OutcomeDelivered}
		if err := s.Done(t.Context(), p, r); err != nil {
			t.Fatal(err)
		}
	}
	var touched bool
	if err := h.as.QueryRow(t.Context(), "SELECT num_nonnulls(answered_at, disabled_at, rests_until) > 0 FROM notification_channel WHERE id = $1", made.ID).Scan(&touched); err != nil || touched {
		t.Errorf("the answer of an old address counts for the new one, %v", err)
	}
	p, ok, err = s.Next(t.Context(), made.ID, 7, now)
	if err != nil || !ok || p.Channel.Secret.Address != "eva@example.org" {
		t.Errorf("%+v, %v, %v", p, ok, err)
	}
}

// Who leaves is not sent the code that waits, and one address is asked seldom, by whomever.
func TestCodesThatAreNotWanted(t *testing.T) {
	t.Parallel()
	h := told(t)
	s := postgres.Notifications{Pool: h.as}
	service := notify.Service{Store: s, Now: time.Now}
	olga := access.Caller{UserID: 1}
	mail := func(address string) (notify.Channel, error) {
		made, _, err := service.Make(t.Context(), olga, notify.Channel{Kind: notify.Email, UserID: 1},
			notify.Wanted{Name: new("Mail"), Language: new("de"), Address: new(address)})
		return made, err
	}
	made, err := mail("stranger@example.org")
	if err != nil {
		t.Fatal(err)
	}
	var key string
	if err := h.as.QueryRow(t.Context(), "SELECT secret ->> 'leave' FROM notification_channel WHERE id = $1", made.ID).Scan(&key); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Minute)
	if _, err := s.Leave(t.Context(), made.ID, key, now); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Take(t.Context(), 7, now, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if p, ok, err := s.Next(t.Context(), made.ID, 7, now); err != nil || ok {
		t.Errorf("%+v, %v", p, err)
	}
	for n := range 6 {
		if _, err = mail(fmt.Sprintf("Stranger+%d@example.org", n)); err != nil {
			break
		}
	}
	if fault.RetryAfter(err) <= 0 {
		t.Errorf("codes without end: %v", err)
	}
}
