package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// opened is watched with an alert of a rule that is told at once, and again every half hour.
func opened(t *testing.T) *watched {
	t.Helper()
	w := watch(t)
	w.rule(aboveFields+", remind_after_s", above+", 1800")
	w.start()
	w.stream.publish(w.measure(w.now().Add(-2*time.Minute), 1200))
	w.counts(1, "SELECT count(*) FROM alert_episode")
	return w
}

func (w *watched) answer(a alert.Answer) {
	w.t.Helper()
	desk := postgres.NewAlertDesk(w.as)
	all, n, err := desk.List(w.t.Context(), access.Caller{UserID: 1}, inventory.Query{})
	if err != nil || n != 1 {
		w.t.Fatalf("%+v, %v", all, err)
	}
	if _, err := desk.Answer(w.t.Context(), access.Caller{UserID: 1}, all[0].ID, a, w.now()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) later(d time.Duration) {
	w.t.Helper()
	w.turn(w.now().Add(d))
	w.idle()
}

func (w *watched) metric(name string) (value float64) {
	w.t.Helper()
	families, err := w.swept.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				value += m.GetCounter().GetValue()
			}
		}
	}
	return value
}

// What somebody calls their room stops nobody's alerts.
func TestAlertsOfARoomWithABackslash(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.exec(t, `UPDATE room SET name = 'Class \u0000 \ud800 "'`)
	w.rule(aboveFields, above)
	w.start()
	w.stream.publish(w.measure(w.now().Add(-2*time.Minute), 1200))
	w.becomes("opened Mine")
}

// Whatever is wrong with one alert, the others are told, and who judges goes on.
func TestOneAlertThatFailsStopsNoOther(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.exec(t, `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.data -> 'rule' ->> 'name' = 'Bad' THEN RAISE 'refused'; END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER refuse BEFORE INSERT ON notification FOR EACH ROW EXECUTE FUNCTION refuse()`)
	for range 2 {
		w.rule(aboveFields+", remind_after_s", above+", 1800")
	}
	w.exec(t, "UPDATE alert_rule SET name = 'Bad' WHERE id = (SELECT min(id) FROM alert_rule)")
	w.exec(t, "ALTER TABLE notification DISABLE TRIGGER refuse")
	w.start()
	w.stream.publish(w.measure(w.now().Add(-2*time.Minute), 1200))
	w.becomes("opened Mine", "opened Mine")
	w.exec(t, "ALTER TABLE notification ENABLE TRIGGER refuse")
	w.later(31 * time.Minute)
	w.becomes("opened Mine", "opened Mine", "reminder Mine")
	// It is over: of one it cannot be told.
	w.stream.publish(w.measure(w.now().Add(-10*time.Minute), 700), w.measure(w.now().Add(-2*time.Minute), 700))
	w.becomes("opened Mine", "opened Mine", "reminder Mine", "recovered Mine")
	// One that cannot be opened.
	w.stream.publish(w.measure(w.now().Add(-time.Minute), 1300))
	w.becomes("opened Mine", "opened Mine", "reminder Mine", "recovered Mine", "opened Mine")
	w.idle()
	if n := w.metric("managair_alert_failures_total"); n != 0 {
		t.Errorf("begun anew %v times", n)
	}
	if n := w.metric("managair_alert_skipped_total"); n == 0 {
		t.Error("nothing was counted")
	}
	w.exec(t, "ALTER TABLE notification DISABLE TRIGGER refuse")
	w.later(6 * time.Minute)
	w.stream.publish(w.measure(w.now().Add(-330*time.Second), 700), w.measure(w.now(), 700))
	w.counts(0, "SELECT count(*) FROM alert_episode WHERE closed_at IS NULL")
}

// What is refused of an alert is said once, also when its transaction has to be run again.
func TestWhatIsRefusedIsSaidOnce(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(aboveFields, above)
	w.exec(t, `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
		CREATE TRIGGER refuse BEFORE INSERT ON notification FOR EACH ROW EXECUTE FUNCTION refuse();
		CREATE SEQUENCE runs; -- which no rollback takes back
		GRANT USAGE ON SEQUENCE runs TO PUBLIC;
		CREATE FUNCTION contend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('runs') = 1 THEN RAISE 'contended' USING ERRCODE = 'serialization_failure'; END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER contend BEFORE UPDATE ON alert_episode FOR EACH ROW WHEN (NEW.due_at > OLD.due_at) EXECUTE FUNCTION contend()`)
	w.exec(t, `
		INSERT INTO alert_episode (rule_id, node_id, opened_at, noticed_at, due_at)
		SELECT (SELECT min(id) FROM alert_rule), id, $1, $1, $1 FROM node ORDER BY no LIMIT 1`, w.now())
	n, failed, err := postgres.Alerts{Pool: w.as}.TellDue(t.Context(), w.now(), 10)
	if err != nil || n != 1 || len(failed) != 1 {
		t.Errorf("of %d alerts is refused %v, %v", n, failed, err)
	}
	w.counts(2, "SELECT last_value FROM runs")
}

func TestNobodyIsRemindedOfWhatSomebodyKnows(t *testing.T) {
	t.Parallel()
	w := opened(t)
	w.becomes("opened Mine")
	w.answer(alert.Answer{Acknowledge: true})
	until := w.now().Add(10 * time.Minute)
	w.answer(alert.Answer{SnoozeUntil: &until})
	w.later(40 * time.Minute)
	w.becomes("opened Mine")
}

func TestWhatIsPutOffIsTakenBack(t *testing.T) {
	t.Parallel()
	w := opened(t)
	w.becomes("opened Mine")
	until := w.now().Add(90 * time.Minute)
	w.answer(alert.Answer{SnoozeUntil: &until})
	w.later(31 * time.Minute)
	w.becomes("opened Mine")
	until = w.now()
	w.answer(alert.Answer{SnoozeUntil: &until})
	w.becomes("opened Mine", "reminder Mine")

	rules := postgres.NewInventory(w.as).AlertRules
	all, _, err := rules.List(t.Context(), access.Caller{UserID: 1}, inventory.Query{})
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	for i, change := range []func(*inventory.AlertRule){
		func(r *inventory.AlertRule) { r.SnoozedUntil = new(w.now().Add(90 * time.Minute)) },
		func(r *inventory.AlertRule) { r.SnoozedUntil = nil },
		func(r *inventory.AlertRule) { r.RemindAfterS = nil },
		func(r *inventory.AlertRule) { r.RemindAfterS = new(int64(900)) },
	} {
		_, err := rules.Change(t.Context(), access.Caller{UserID: 1}, all[0].ID, func(r *inventory.AlertRule) error {
			change(r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		switch i {
		case 0:
			w.later(31 * time.Minute)
			w.becomes("opened Mine", "reminder Mine")
		case 1:
			w.becomes("opened Mine", "reminder Mine", "reminder Mine")
		case 2:
			w.later(16 * time.Minute)
			w.becomes("opened Mine", "reminder Mine", "reminder Mine")
		default:
			w.becomes("opened Mine", "reminder Mine", "reminder Mine", "reminder Mine")
		}
	}
}

// That it is over wakes nobody either.
func TestItIsOverIsToldAfterQuietHours(t *testing.T) {
	t.Parallel()
	w := opened(t)
	w.becomes("opened Mine")
	at := w.now()
	to := at.Add(time.Hour).Truncate(time.Minute)
	w.exec(t, "UPDATE alert_rule SET quiet_from = $1, quiet_to = $2", at.Add(-time.Hour).Format("15:04"), to.Format("15:04"))
	w.stream.publish(w.measure(at.Add(-90*time.Second), 700), w.measure(at.Add(4*time.Minute), 700))
	w.becomes("opened Mine", "recovered Mine")
	if n := w.count(t, "SELECT count(*) FROM notification WHERE kind = 'alert.recovered' AND due_at = $1", to); n != 1 {
		t.Error("told before the end of the quiet hours")
	}
}

// Who confirms a channel is told what is still so, and only whoever was told hears that it is over.
func TestAlertWaitsForAChannel(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.exec(t, "UPDATE notification_channel SET confirmed_at = NULL WHERE name = 'Mine'")
	w.rule(aboveFields, above)
	w.start()
	w.stream.publish(w.measure(w.now().Add(-2*time.Minute), 1200))
	w.counts(1, "SELECT count(*) FROM alert_episode")
	w.later(6 * time.Minute)
	w.becomes()
	if n := w.count(t, "SELECT count(*) FROM alert_event WHERE kind = 'told'") + w.count(t, "SELECT told FROM alert_episode"); n != 0 {
		t.Errorf("%d times told to nobody", n)
	}
	w.exec(t, "UPDATE notification_channel SET confirmed_at = now() WHERE name = 'Mine'")
	w.later(6 * time.Minute)
	w.becomes("opened Mine")
	w.exec(t, `INSERT INTO notification_channel (user_id, kind, name, language, target, secret, confirmed_at) VALUES (1, 'webhook', 'Later', 'de', 'x', '{}', now())`)
	w.stream.publish(w.measure(w.now().Add(-6*time.Minute), 700), w.measure(w.now(), 700))
	w.becomes("opened Mine", "recovered Mine")
}

// A rule tells by the channels that were chosen for it; by all of its owner's, once the last of them is gone. Who was told hears
// that it is over, whatever is chosen then.
func TestRuleTellsByChosenChannels(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.exec(t, `INSERT INTO notification_channel (user_id, kind, name, language, target, secret, confirmed_at) VALUES (1, 'webhook', 'Second', 'de', 'x', '{}', now())`)
	w.rule(aboveFields+", remind_after_s", above+", 1800")
	w.exec(t, "UPDATE alert_rule SET channel_ids = ARRAY(SELECT id FROM notification_channel WHERE name = 'Second')")
	w.start()
	w.stream.publish(w.measure(w.now().Add(-2*time.Minute), 1200))
	w.becomes("opened Second")
	w.exec(t, "UPDATE alert_rule SET channel_ids = ARRAY(SELECT id FROM notification_channel WHERE name = 'Mine')")
	w.later(31 * time.Minute)
	w.becomes("opened Second", "reminder Mine")
	w.stream.publish(w.measure(w.now().Add(-6*time.Minute), 700), w.measure(w.now(), 700))
	w.becomes("opened Second", "reminder Mine", "recovered Mine", "recovered Second")
	w.exec(t, "DELETE FROM notification_channel WHERE name = 'Second'")
	w.counts(1, "SELECT count(*) FROM alert_rule WHERE cardinality(channel_ids) = 1")
	w.exec(t, `INSERT INTO notification_channel (user_id, kind, name, language, target, secret, confirmed_at) VALUES (1, 'webhook', 'Third', 'de', 'x', '{}', now())`)
	w.exec(t, "UPDATE alert_rule SET channel_ids = ARRAY(SELECT id FROM notification_channel WHERE name = 'Third')")
	w.exec(t, "DELETE FROM notification_channel WHERE name = 'Third'")
	w.counts(1, "SELECT count(*) FROM alert_rule WHERE channel_ids = '{}'")
}

// A rule that says something else now does not say that the air is well again.
func TestChangedRuleDoesNotSayItIsOver(t *testing.T) {
	t.Parallel()
	w := opened(t)
	w.becomes("opened Mine")
	w.exec(t, "UPDATE alert_rule SET threshold = 1300, remind_after_s = NULL")
	w.counts(1, "SELECT count(*) FROM alert_episode WHERE close_reason = 'not_watched'")
	w.idle()
	w.becomes("opened Mine")
	w.exec(t, "UPDATE alert_rule SET threshold = 1100")
	w.becomes("opened Mine", "opened Mine")
	w.exec(t, "UPDATE alert_rule SET threshold = 1150") // it is still so
	w.becomes("opened Mine", "opened Mine", "opened Mine")
	w.counts(2, "SELECT count(*) FROM alert_episode WHERE close_reason = 'not_watched'")
	w.counts(1, "SELECT count(*) FROM alert_episode WHERE closed_at IS NULL AND threshold = 1150")
}

// Episodes of organizations are acknowledged by members, and put off by OWNERs.
func TestMembersDoNotSilenceOthers(t *testing.T) {
	t.Parallel()
	w := opened(t)
	w.becomes("opened Mine")
	w.exec(t, "UPDATE alert_rule SET personal = false")
	id := int64(w.count(t, "SELECT id FROM alert_episode"))
	desk, until := postgres.NewAlertDesk(w.as), w.now().Add(time.Hour)
	answer := func(user int64, a alert.Answer) error {
		_, err := desk.Answer(t.Context(), access.Caller{UserID: user}, id, a, w.now())
		return err
	}
	if err := answer(2, alert.Answer{SnoozeUntil: &until, Acknowledge: true}); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("a member puts it off: %v", err)
	}
	if n := w.count(t, "SELECT count(*) FROM alert_episode WHERE acknowledged_at IS NOT NULL OR snoozed_until IS NOT NULL"); n != 0 {
		t.Error("what is refused is done")
	}
	if err := answer(1, alert.Answer{SnoozeUntil: &until}); err != nil {
		t.Errorf("an OWNER puts it off: %v", err)
	}
	if err := answer(2, alert.Answer{Acknowledge: true}); err != nil {
		t.Errorf("a member knows of it: %v", err)
	}
}

// Rules that nobody sees any more take nobody's place.
func TestRulesOfOrganizationsThatWereLeft(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(aboveFields, above)
	w.exec(t, "UPDATE alert_rule SET organization_id = 2")
	rules := postgres.NewInventoryWithin(w.as, postgres.Terms{Quotas: inventory.Quotas{PersonalRules: 1}}).AlertRules
	r := inventory.AlertRules.New()
	r.Name, r.OrganizationID, r.Condition, r.Personal = "One", 1, "faulty", true
	if _, err := rules.Create(t.Context(), access.Caller{UserID: 1}, r); err != nil {
		t.Errorf("%v", err)
	}
	if _, err := rules.Create(t.Context(), access.Caller{UserID: 1}, r); err == nil {
		t.Error("more than may be")
	}
}

// Rights are asked at each message, and not only when an alert opens.
func TestNobodyIsToldOnceARightIsLost(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{
		"UPDATE alert_rule SET enabled = false", "UPDATE user_account SET is_active = false WHERE id = 1",
		"UPDATE membership SET role = 'O'; DELETE FROM membership WHERE user_id = 1", "DELETE FROM installation; UPDATE node SET owner_id = 2",
	} {
		w := watch(t)
		w.rule(aboveFields+", remind_after_s", above+", 1800")
		store := postgres.Alerts{Pool: w.as}
		targets, err := store.Targets(t.Context())
		if err != nil || len(targets) != 1 {
			t.Fatalf("%v, %v", targets, err)
		}
		ids, refused, err := store.Open(t.Context(), w.now(), []alert.Opening{{Target: targets[0], OpenedAt: w.now()}})
		if err != nil || refused[0] != nil {
			t.Fatal(err, refused)
		}
		w.becomes("opened Mine")
		w.exec(t, lost)
		w.turn(w.now().Add(31 * time.Minute))
		for i, want := range []int{1, 0} { // it is not asked about all the time
			if n, failed, err := store.TellDue(t.Context(), w.now(), 10); err != nil || len(failed) > 0 || n != want {
				t.Errorf("%s: %d are due at %d, %v, %v", lost, n, i, failed, err)
			}
		}
		if refused, err := store.Close(t.Context(), w.now(), []alert.Ending{{Episode: ids[0], At: w.now(), Why: alert.Recovered}}); err != nil || refused[0] != nil {
			t.Fatal(err, refused)
		}
		w.becomes("opened Mine")
	}
}

// What is due at a site at the same time is one message, however many were to be told first.
func TestWhatIsDueAtASiteIsToldTogether(t *testing.T) {
	t.Parallel()
	w := watch(t)
	const rooms = 60
	w.exec(t, `
		INSERT INTO room (id, site_id, name) SELECT 5000 + i, (SELECT min(site_id) FROM room), 'Room ' || i FROM generate_series(1, 60) i`)
	w.rule(aboveFields, above)
	w.exec(t, `
		INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
		SELECT gen_random_uuid(), 'A1E47000000000' || lpad(i::text, 2, '0'), 'Due ' || i, n.protocol_id, n.model_id, n.owner_id
		  FROM generate_series(1, 60) i, (SELECT * FROM node ORDER BY no LIMIT 1) n`)
	w.exec(t, `
		INSERT INTO alert_episode (rule_id, node_id, room_id, opened_at, noticed_at, due_at)
		SELECT (SELECT min(id) FROM alert_rule), n.id, 5000 + substr(n.alias, 5)::integer, $1, $1, $1 FROM node n WHERE n.alias LIKE 'Due %'`, w.now())
	n, failed, err := postgres.Alerts{Pool: w.as}.TellDue(t.Context(), w.now(), 50)
	if err != nil || len(failed) > 0 || n != rooms {
		t.Errorf("%d are told at once, %v, %v", n, failed, err)
	}
	w.counts(0, "SELECT count(*) FROM alert_episode WHERE due_at IS NOT NULL")
}

// What somebody else has in hand is in nobody's way, however few are told at once.
func TestWhatOthersHaveInHandDelaysNothing(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(aboveFields, above)
	w.exec(t, `
		INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
		SELECT gen_random_uuid(), 'A1E47000000000' || lpad(i::text, 2, '0'), 'Due ' || i, n.protocol_id, n.model_id, n.owner_id
		  FROM generate_series(1, 4) i, (SELECT * FROM node ORDER BY no LIMIT 1) n`)
	w.exec(t, `
		INSERT INTO alert_episode (rule_id, node_id, opened_at, noticed_at, due_at)
		SELECT (SELECT min(id) FROM alert_rule), n.id, $1, $1, $1 FROM node n WHERE n.alias LIKE 'Due %' ORDER BY n.no`, w.now())
	tx, err := w.as.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), "SELECT FROM alert_episode WHERE due_at <= $1 ORDER BY due_at, id LIMIT 2 FOR UPDATE", w.now()); err != nil {
		t.Fatal(err)
	}
	if n, failed, err := (postgres.Alerts{Pool: w.as}).TellDue(t.Context(), w.now(), 2); err != nil || len(failed) > 0 || n != 2 {
		t.Errorf("%d are told beside those in hand, %v, %v", n, failed, err)
	}
}
