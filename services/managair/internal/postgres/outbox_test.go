package postgres_test

import (
	"testing"
	"time"

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
	// Forgotten in time.
	if n, err := s.Forget(t.Context(), now.Add(time.Hour)); err != nil || n != 2 {
		t.Errorf("%d forgotten, %v", n, err)
	}
}
