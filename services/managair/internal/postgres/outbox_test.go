package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// taken takes a channel, which has to be the wanted one.
func taken(t *testing.T, s postgres.Notifications, want, holder int64, now time.Time) notify.Kept {
	t.Helper()
	k, ok, err := s.Take(t.Context(), holder, now, now.Add(time.Minute))
	if err != nil || !ok || k.ID != want {
		t.Fatalf("took %d, %v, %v, want %d", k.ID, ok, err, want)
	}
	return k
}

// next is the parcel that is to be sent, as its keys.
func next(t *testing.T, s postgres.Notifications, k notify.Kept, holder int64, now time.Time) (notify.Parcel, []string) {
	t.Helper()
	p, ok, err := s.Next(t.Context(), k.ID, holder, now)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	var keys []string
	for i := range p.Messages {
		keys = append(keys, p.Messages[i].Key)
	}
	return p, keys
}

func failed(now time.Time, wait time.Duration) notify.Result {
	return notify.Result{State: notify.Waiting, Why: "down", DueAt: now.Add(wait), At: now, Attempt: notify.Attempt{BeganAt: now, Outcome: notify.OutcomeFailed}}
}

// What was tried in vain is not told after that it is over, but other episodes are; and the
// parcel keeps its id, though what it was made with is not of it any more.
func TestWhatIsOverIsNotToldAfterwards(t *testing.T) {
	t.Parallel()
	h := told(t)
	s := postgres.Notifications{Pool: h.as}
	opened, other := message(1, "episode:7:opened"), message(1, "episode:77:opened")
	opened.Group, other.Group = "g", "g"
	if err := enqueue(t, h, opened, other); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Minute)
	k := taken(t, s, 1, 7, now)
	first, _ := next(t, s, k, 7, now)
	if err := s.Done(t.Context(), first, failed(now, 10*time.Minute)); err != nil {
		t.Fatal(err)
	}
	// A reminder that is put off drops nothing; the end does.
	later := message(1, "episode:77:reminder:1")
	later.NotBefore = now.Add(time.Hour)
	if err := enqueue(t, h, message(1, "episode:7:recovered"), later); err != nil {
		t.Fatal(err)
	}
	p, keys := next(t, s, k, 7, now)
	if diff := cmp.Diff([]string{"episode:7:recovered"}, keys); diff != "" {
		t.Fatal(diff)
	}
	if err := s.Done(t.Context(), p, notify.Result{State: notify.Delivered, At: now, Attempt: notify.Attempt{BeganAt: now, Outcome: notify.OutcomeDelivered}}); err != nil {
		t.Fatal(err)
	}
	again, keys := next(t, s, k, 7, now.Add(10*time.Minute))
	if diff := cmp.Diff([]string{"episode:77:opened"}, keys); diff != "" {
		t.Fatal(diff)
	}
	one, two := notify.Delivery{Parcel: first}, notify.Delivery{Parcel: again}
	if again.Attempts != 1 || one.ID() != two.ID() {
		t.Errorf("%d tries, was %s, is %s", again.Attempts, one.ID(), two.ID())
	}
	var why string
	if err := h.as.QueryRow(t.Context(), "SELECT state || ': ' || why FROM notification WHERE key = 'episode:7:opened'").Scan(&why); err != nil || why != "dropped: superseded" {
		t.Errorf("%q, %v", why, err)
	}
	// Replayed on purpose, it is told.
	h.exec(t, "UPDATE notification SET state = 'waiting', ended_at = NULL, due_at = '2020-01-01' WHERE key = 'episode:7:opened'")
	if _, keys := next(t, s, k, 7, now); keys[0] != "episode:7:opened" {
		t.Error(keys)
	}
}

// However many channels an owner has, others have theirs.
func TestOneOwnerDoesNotTakeAllTurns(t *testing.T) {
	t.Parallel()
	h := told(t)
	s := postgres.Notifications{Pool: h.as}
	h.exec(t, `
		INSERT INTO notification_channel (user_id, kind, name, language, target, secret, confirmed_at, taken_until)
		SELECT 1, 'webhook', 'Mine', 'de', 'example.com', '{}', now(), '2020-01-01' FROM generate_series(3, 20)`)
	var all []notify.Message
	for i := range int64(20) {
		all = append(all, message(1+i, "a"))
	}
	h.exec(t, "UPDATE notification_channel SET taken_until = '2020-01-02' WHERE id = 2") // the organization's would be the last
	if err := enqueue(t, h, all...); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Minute)
	mine := 0
	for holder := range int64(20) {
		k, ok, err := s.Take(t.Context(), holder+1, now, now.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if ok && k.UserID == 1 {
			mine++
		}
		if ok && k.ID == 2 && mine != notify.MaxOfOwner || !ok && mine > notify.MaxOfOwner {
			t.Errorf("%d of one owner", mine)
		}
	}
	if mine != notify.MaxOfOwner {
		t.Errorf("%d of one owner", mine)
	}
	if err := s.Release(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
	taken(t, s, 3+notify.MaxOfOwner-1, 99, now)
}

// A channel whose receiver fails rests as a whole, and how long it has failed is known to the next turn.
func TestFailingChannelRests(t *testing.T) {
	t.Parallel()
	h := told(t)
	s := postgres.Notifications{Pool: h.as}
	if err := enqueue(t, h, message(1, "a"), message(1, "b")); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Minute).Truncate(time.Microsecond)
	k := taken(t, s, 1, 7, now)
	p, _ := next(t, s, k, 7, now)
	r := failed(now, time.Hour)
	r.RestsUntil, r.Trouble = now.Add(time.Minute), notify.Trouble{Failures: 3, Since: now.Add(-time.Hour)}
	if err := s.Done(t.Context(), p, r); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(t.Context(), 1, 7); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Backlog(t.Context(), now); err != nil || b != (notify.Backlog{Waiting: 2}) {
		t.Errorf("%+v, %v", b, err)
	}
	if k, ok, err := s.Take(t.Context(), 8, now.Add(59*time.Second), now.Add(2*time.Minute)); err != nil || ok {
		t.Error(k.ID, "is taken while it rests", err)
	}
	now = now.Add(90 * time.Second)
	if b, err := s.Backlog(t.Context(), now); err != nil || b != (notify.Backlog{Waiting: 2, Overdue: 1}) {
		t.Errorf("%+v, %v", b, err)
	}
	k = taken(t, s, 1, 9, now)
	// What is good ends it; after days of the other it is disabled, and what waits is dropped for that.
	p, _ = next(t, s, k, 9, now)
	if got := p.Channel.Trouble; got.Failures != 3 || !got.Since.Equal(r.Trouble.Since) {
		t.Errorf("%+v", got)
	}
	r = failed(now, time.Hour)
	r.State, r.Disable = notify.Dead, notify.Failing
	if err := s.Done(t.Context(), p, r); err != nil {
		t.Fatal(err)
	}
	if p, ok, err := s.Next(t.Context(), 1, 9, now.Add(time.Hour)); err != nil || ok {
		t.Error(p, err)
	}
	var got string
	if err := h.as.QueryRow(t.Context(), `
		SELECT c.failures || ' ' || coalesce(c.failing_since::text, 'none') || ' ' || c.disabled_why || ' ' || n.state || ' ' || n.why
		  FROM notification_channel c JOIN notification n ON n.channel_id = c.id AND n.key = 'a' WHERE c.id = 1`).Scan(&got); err != nil || got != "0 none failing dropped failing" {
		t.Errorf("%q, %v", got, err)
	}
	if b, err := s.Backlog(t.Context(), now); err != nil || b != (notify.Backlog{Dead: 1}) {
		t.Errorf("%+v, %v", b, err)
	}
}

// Of a channel it is known when it failed last and why, and since when it works again, also after the log was forgotten; and
// nothing of that once it leads elsewhere.
func TestLastFailureOfAChannel(t *testing.T) {
	t.Parallel()
	h := told(t)
	s := postgres.Notifications{Pool: h.as}
	if err := enqueue(t, h, message(1, "a"), message(1, "b"), message(1, "c")); err != nil {
		t.Fatal(err)
	}
	caller := access.Caller{UserID: 1}
	is := func(failed, works time.Time, why string) {
		t.Helper()
		c, err := s.Channel(t.Context(), caller, 1)
		if err != nil {
			t.Fatal(err)
		}
		at := func(at *time.Time) time.Time {
			if at == nil {
				return time.Time{}
			}
			return at.UTC()
		}
		if !at(c.FailedAt).Equal(failed) || c.FailedWhy != why || !at(c.WorksSince).Equal(works) {
			t.Errorf("failed at %v (%s), works since %v; want %v (%s), %v", c.FailedAt, c.FailedWhy, c.WorksSince, failed, why, works)
		}
	}
	start := time.Now().Add(time.Minute).Truncate(time.Microsecond).UTC()
	var none time.Time
	for i, one := range []struct {
		good, ours    bool
		failed, works time.Time
		why           string
	}{
		{true, false, none, none, ""},
		{false, true, none, none, ""}, // our mail server is down, which says nothing of the channel
		{false, false, start.Add(2 * time.Hour), none, "down"},
		{false, true, start.Add(2 * time.Hour), none, "down"},
		{true, false, start.Add(2 * time.Hour), start.Add(4 * time.Hour), "down"},
		{true, false, start.Add(2 * time.Hour), start.Add(4 * time.Hour), "down"},
		{false, true, start.Add(2 * time.Hour), start.Add(4 * time.Hour), "down"},
		{false, false, start.Add(7 * time.Hour), none, "down"},
	} {
		now := start.Add(time.Duration(i) * time.Hour)
		if err := enqueue(t, h, message(1, fmt.Sprint("more ", i))); err != nil {
			t.Fatal(err)
		}
		k := taken(t, s, 1, int64(i+1), now)
		p, _ := next(t, s, k, int64(i+1), now)
		r := failed(now, time.Second)
		if r.Blameless = one.ours; one.ours {
			r.Why = "ours"
		}
		if one.good {
			r.State, r.Why, r.Attempt.Outcome = notify.Delivered, "", notify.OutcomeDelivered
		}
		if err := s.Done(t.Context(), p, r); err != nil {
			t.Fatal(err)
		}
		if err := s.Release(t.Context(), 1, int64(i+1)); err != nil {
			t.Fatal(err)
		}
		is(one.failed, one.works, one.why)
	}
	change := func(edit func(*notify.Kept)) {
		t.Helper()
		if _, err := s.Change(t.Context(), caller, 1, func(k *notify.Kept, _ notify.Counter) ([]notify.Message, error) {
			edit(k)
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	change(func(k *notify.Kept) { k.Name = "Renamed" })
	is(start.Add(7*time.Hour), none, "down")
	change(func(k *notify.Kept) { k.Secret.Address = "https://elsewhere.example/" })
	is(none, none, "")
}

// What is forgotten goes in steps.
func TestLogIsForgottenInSteps(t *testing.T) {
	t.Parallel()
	h := told(t)
	h.exec(t, `
		INSERT INTO notification (channel_id, key, kind, group_key, data, due_at, state, ended_at)
		SELECT 1, n::text, 'channel.test', '', '{}', now(), 'delivered', now() - interval '1 day' FROM generate_series(1, 2500) n;
		CREATE TABLE step (n integer);
		CREATE FUNCTION note_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
		    'BEGIN INSERT INTO step SELECT count(*) FROM gone; RETURN NULL; END';
		CREATE TRIGGER step AFTER DELETE ON notification REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_step();
		GRANT SELECT ON step TO PUBLIC`)
	n, err := postgres.Notifications{Pool: h.as}.Forget(t.Context(), time.Now())
	if err != nil || n != 2500 {
		t.Fatal(n, err)
	}
	var most int
	if err := h.QueryRow(t.Context(), "SELECT max(n) FROM step").Scan(&most); err != nil || most > 1000 {
		t.Errorf("%d by one statement, %v", most, err)
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

// Whoever unsubscribes is not written to by the owner's other channels either, whatever tag the address has. Others'
// channels are theirs.
func TestWhoLeavesOneChannelLeavesTheOthersOfItsOwner(t *testing.T) {
	t.Parallel()
	h := told(t)
	h.exec(t, `
		INSERT INTO notification_channel (id, user_id, organization_id, kind, name, language, target, secret, confirmed_at) OVERRIDING SYSTEM VALUE VALUES
			(901, NULL, 1, 'email', 'One', 'de', 't', '{"address": "Ina+air@example.org", "leave": "k"}', now()),
			(902, NULL, 1, 'email', 'Same', 'de', 't', '{"address": "ina@example.org", "leave": "l"}', now()),
			(903, NULL, 1, 'email', 'Another', 'de', 't', '{"address": "ina.x@example.org", "leave": "m"}', now()),
			(904, 1, NULL, 'email', 'Own', 'de', 't', '{"address": "ina@example.org", "leave": "n"}', now())`)
	if _, err := (postgres.Notifications{Pool: h.as}).Leave(t.Context(), 901, "k", time.Now()); err != nil {
		t.Fatal(err)
	}
	var left string
	if err := h.QueryRow(t.Context(), "SELECT string_agg(id::text || disabled_why, ' ' ORDER BY id) FROM notification_channel WHERE id > 900 AND disabled_at IS NOT NULL").Scan(&left); err != nil || left != "901unsubscribed 902unsubscribed" {
		t.Errorf("left are %q, %v", left, err)
	}
}

// Which addresses are one mailbox is known by notify alone.
func TestWhoLeavesLeavesTheirOwnMailboxOnly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		left, other string
		too         bool
	}{
		{"Ina+air@example.org", "ina@example.org", true},
		{"ÄRZTE@example.org", "ärzte+1@example.org", true},
		{"+a+b@example.org", "+a@example.org", false},
		{"a/b+c@example.org", "a/b@example.org", false},
	} {
		h := told(t)
		h.exec(t, `
			INSERT INTO notification_channel (id, user_id, kind, name, language, target, secret, confirmed_at) OVERRIDING SYSTEM VALUE VALUES
				(901, 1, 'email', 'One', 'de', 't', jsonb_build_object('address', $1::text, 'leave', 'k'), now()),
				(902, 1, 'email', 'Other', 'de', 't', jsonb_build_object('address', $2::text, 'leave', 'l'), now())`, test.left, test.other)
		left, err := postgres.Notifications{Pool: h.as}.Leave(t.Context(), 901, "k", time.Now())
		if err != nil || left.ID != 901 || left.Active() || left.DisabledWhy != notify.Unsubscribed {
			t.Errorf("%s: %+v, %v", test.left, left, err)
		}
		var too bool
		if err := h.QueryRow(t.Context(), "SELECT disabled_at IS NOT NULL FROM notification_channel WHERE id = 902").Scan(&too); err != nil || too != test.too {
			t.Errorf("%s leaves, and %s, too: %v, %v", test.left, test.other, too, err)
		}
	}
}

// Of two links that are used at once both are answered.
func TestTwoLeaveAtOnce(t *testing.T) {
	t.Parallel()
	h := told(t)
	h.exec(t, `
		INSERT INTO notification_channel (id, user_id, kind, name, language, target, secret, confirmed_at) OVERRIDING SYSTEM VALUE
		SELECT 900 + n, 1, 'email', 'N', 'de', 't', jsonb_build_object('address', 'ina+' || n || '@example.org', 'leave', 'k' || n), now() FROM generate_series(1, 8) n`)
	for range 25 {
		h.exec(t, "UPDATE notification_channel SET disabled_at = NULL, disabled_why = '' WHERE id > 900")
		var both sync.WaitGroup
		for _, n := range []int64{1, 8} {
			both.Go(func() {
				if _, err := (postgres.Notifications{Pool: h.as}).Leave(t.Context(), 900+n, fmt.Sprintf("k%d", n), time.Now()); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	}
}
