package postgres_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// told is a house with a confirmed channel of its OWNER, number 1, and one of the
// organization, number 2.
func told(t testing.TB) house {
	t.Helper()
	h, _ := school(t)
	h.exec(t, `
		INSERT INTO notification_channel (user_id, organization_id, kind, name, language, target, secret, confirmed_at)
		VALUES (1, NULL, 'webhook', 'Mine', 'de', 'example.com', '{}', now()), (NULL, 1, 'webhook', 'Ours', 'en', 'example.com', '{}', now())`)
	return h
}

func enqueue(t testing.TB, h house, messages ...notify.Message) error {
	t.Helper()
	return pgx.BeginFunc(t.Context(), h.as, func(tx pgx.Tx) error { return postgres.EnqueueNotifications(t.Context(), tx, messages) })
}

func message(channel int64, key string) notify.Message {
	return notify.Message{Channel: channel, Key: key, Kind: "channel.test", Organization: 1, Data: json.RawMessage(`{"n": 1}`)}
}

func TestMessagesAreWrittenOnce(t *testing.T) {
	t.Parallel()
	h := told(t)
	gone := message(99, "of no channel")
	all := []notify.Message{message(2, "a"), message(1, "a"), message(1, "b"), gone, message(1, "b")}
	for range 2 {
		if err := enqueue(t, h, all...); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := h.as.Query(t.Context(), "SELECT channel_id::text || key || state FROM notification ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if diff := cmp.Diff([]string{"1awaiting", "1bwaiting", "2awaiting"}, got); err != nil || diff != "" {
		t.Errorf("%v, want(-) got(+):\n%s", err, diff)
	}
	for name, change := range map[string]func(*notify.Message){
		"no key": func(m *notify.Message) { m.Key = "" }, "no kind": func(m *notify.Message) { m.Kind = "" },
		"no JSON":    func(m *notify.Message) { m.Data = json.RawMessage("{") },
		"a NUL":      func(m *notify.Message) { m.Data = json.RawMessage(`"\u0000"`) },
		"too large":  func(m *notify.Message) { m.Data = json.RawMessage(`"` + strings.Repeat("x", notify.MaxData) + `"`) },
		"long key":   func(m *notify.Message) { m.Key = strings.Repeat("ä", notify.MaxKey+1) },
		"long group": func(m *notify.Message) { m.Group = strings.Repeat("ä", notify.MaxGroup+1) },
	} {
		wrong := message(1, "wrong")
		change(&wrong)
		if err := enqueue(t, h, message(1, "c"), wrong); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// What is let through is what the database keeps: nothing fails later that was right here.
func TestDataOfMessagesAreKept(t *testing.T) {
	t.Parallel()
	h := told(t)
	for text, want := range map[string]bool{
		`"\\u0000"`: true, `"\u0000"`: false, `"\\\u0000"`: false, `{"\u0000": 1}`: false, `"\\\\u0000"`: true,
		`"\ud83d\ude00"`: true, `"\ud83d"`: false, `"\ude00"`: false, `"\ud83dx"`: false, `"\\ud83d"`: true, `"\ud83d\ud83d"`: false,
		`"\ud83d\n"`: false, `"\ud83d\u0041"`: false, "\"\xff\"": false,
	} {
		m := message(1, text)
		m.Data = json.RawMessage(text)
		if got := m.Check() == nil; got != want {
			t.Errorf("%s: %t", text, got)
		}
		_, err := h.Exec(t.Context(), "SELECT convert_from($1::bytea, 'UTF8')::jsonb", []byte(text))
		if (err == nil) != want {
			t.Errorf("%s: the database: %v", text, err)
		}
	}
}
