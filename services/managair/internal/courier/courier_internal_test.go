package courier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/outbound"
)

const (
	key    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	oldKey = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// hostile is a name that somebody chose with care.
const hostile = "<b>Klasse</b> [hier](https://evil.example) <!channel> *x*"

func delivery(kind notify.Kind, secret notify.Secret) *notify.Delivery {
	d := &notify.Delivery{
		Channel: notify.Kept{Channel: notify.Channel{ID: 7, Kind: kind, Name: "Kanal", Language: "de"}, Secret: secret},
		Parcel: notify.Parcel{ID: 1, Messages: []notify.Sent{{
			ID: 1, WrittenAt: time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC),
			Message: notify.Message{Channel: 7, Key: "k1", Kind: "alert.opened", Organization: 3, Data: json.RawMessage(`{"room": "Klasse 1"}`)},
		}}},
		Notice:    notify.Notice{Title: hostile, Paragraphs: []string{"Seit 10 Uhr über 1000 ppm.", hostile}, Link: "/rooms/7", Urgent: true},
		PublicURL: "https://clair.example", Now: time.Now(),
	}
	d.Parcel.First = d.Parcel.Messages[0]
	return d
}

// lenient is a client that may call this machine.
func lenient(patience time.Duration, server *httptest.Server) caller {
	rules := outbound.Rules{Patience: patience, AnyPort: true, Allowed: func(netip.AddrPort) bool { return true }}
	if transport, ok := server.Client().Transport.(*http.Transport); ok {
		rules.Trust = transport.TLSClientConfig.Clone()
	}
	return caller{outbound.NewClient(rules)}
}

// got is a call as its receiver has it.
type got struct {
	method, path, auth, contentType string
	header                          http.Header
	body                            []byte
	document                        map[string]any
}

// receiver takes one call and answers it.
func receiver(t *testing.T, status int, header http.Header, answer string) (*httptest.Server, *got) {
	t.Helper()
	call := &got{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*call = got{r.Method, r.URL.EscapedPath(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), r.Header, body, nil}
		if err := json.Unmarshal(body, &call.document); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server, call
}

// What is sent is verified by the library of those who receive it.
func TestWebhookIsSigned(t *testing.T) {
	t.Parallel()
	server, call := receiver(t, http.StatusNoContent, nil, "")
	d := delivery(notify.Webhook, notify.Secret{Address: server.URL + "/hook?x=1", Key: key, OldKey: oldKey, OldUntil: time.Now().Add(time.Hour)})
	answer, err := webhook{lenient(5*time.Second, server)}.Send(t.Context(), d)
	if err != nil || answer.Status != http.StatusNoContent {
		t.Fatal(answer, err)
	}
	for _, k := range []string{key, oldKey} {
		verifier, err := standardwebhooks.NewWebhook(k)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(call.body, call.header); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
	want := map[string]any{
		"specversion": "1.0", "id": d.ID(), "source": "https://clair.example/", "type": "de.clair-berlin.alert.opened", "time": "2026-11-30T08:00:00Z",
		"datacontenttype": "application/json", "organizationid": "3", "data": map[string]any{"room": "Klasse 1"},
	}
	if diff := cmp.Diff(want, call.document); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if call.contentType != "application/cloudevents+json; charset=utf-8" || call.header.Get("webhook-id") != d.ID() {
		t.Errorf("%s, id %s", call.contentType, call.header.Get("webhook-id"))
	}
	// The old key's time is over.
	d.Channel.Secret.OldUntil = time.Now().Add(-time.Hour)
	if _, err := (webhook{lenient(5*time.Second, server)}).Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(call.header.Get("webhook-signature"), " ") {
		t.Error("the old key still signs")
	}
}

func TestSeveralMessagesAreOneEvent(t *testing.T) {
	t.Parallel()
	server, call := receiver(t, http.StatusOK, nil, "")
	d := delivery(notify.Webhook, notify.Secret{Address: server.URL, Key: key})
	second := d.Parcel.Messages[0]
	second.Key = "k2"
	d.Parcel.Messages = append(d.Parcel.Messages, second)
	if _, err := (webhook{lenient(5*time.Second, server)}).Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	events, _ := call.document["data"].(map[string]any)["events"].([]any)
	if call.document["type"] != "de.clair-berlin.digest" || len(events) != 2 || events[0].(map[string]any)["id"] == events[1].(map[string]any)["id"] {
		t.Errorf("%s", call.body)
	}
}

func TestServicesOfPeople(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		sender func(caller, string) notify.Sender
		kind   notify.Kind
		secret func(base string) notify.Secret
		method string
		path   string
		auth   string
		check  func(d *notify.Delivery, body map[string]any) bool
	}{
		{
			"ntfy", func(c caller, _ string) notify.Sender { return ntfy{c} }, notify.Ntfy,
			func(base string) notify.Secret { return notify.Secret{Address: base + "/topic1", Token: "tk_1"} },
			"POST", "/", "Bearer tk_1",
			func(_ *notify.Delivery, b map[string]any) bool {
				return b["topic"] == "topic1" && b["title"] == hostile && b["click"] == "https://clair.example/rooms/7" && b["priority"] == 4.0 && b["markdown"] == nil
			},
		},
		{
			"Matrix", func(c caller, _ string) notify.Sender { return matrix{c} }, notify.Matrix,
			func(base string) notify.Secret {
				return notify.Secret{Address: base, Room: "!a/b:example.org", Token: "syt_1"}
			},
			"PUT", "/_matrix/client/v3/rooms/%21a%2Fb:example.org/send/m.room.message/{id}", "Bearer syt_1",
			func(_ *notify.Delivery, b map[string]any) bool {
				text, _ := b["body"].(string)
				return b["msgtype"] == "m.text" && strings.HasPrefix(text, hostile) && b["formatted_body"] == nil
			},
		},
		{
			"Telegram", func(c caller, base string) notify.Sender { return telegram{c, base} }, notify.Telegram,
			func(string) notify.Secret { return notify.Secret{Room: "-100", Token: "12:ab"} },
			"POST", "/bot12:ab/sendMessage", "",
			func(_ *notify.Delivery, b map[string]any) bool {
				text, _ := b["text"].(string)
				return b["chat_id"] == "-100" && strings.HasPrefix(text, hostile) && b["parse_mode"] == nil
			},
		},
		{
			"Slack", func(c caller, _ string) notify.Sender { return slack{c} }, notify.Slack,
			func(base string) notify.Secret { return notify.Secret{Address: base + "/services/T/B/x"} },
			"POST", "/services/T/B/x", "",
			func(_ *notify.Delivery, b map[string]any) bool {
				blocks, _ := json.Marshal(b["blocks"])
				text, _ := b["text"].(string)
				return !strings.ContainsAny(text, "<>") && strings.Count(string(blocks), `"mrkdwn"`) == 1 && strings.Contains(string(blocks), `"plain_text"`)
			},
		},
		{
			"Teams", func(c caller, _ string) notify.Sender { return teams{c} }, notify.Teams,
			func(base string) notify.Secret { return notify.Secret{Address: base + "/workflows/1"} },
			"POST", "/workflows/1", "",
			func(_ *notify.Delivery, b map[string]any) bool {
				card, _ := json.Marshal(b["attachments"])
				return b["type"] == "message" && strings.Contains(string(card), `"TextRun"`) && !strings.Contains(string(card), "TextBlock\",\"text")
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server, call := receiver(t, http.StatusOK, nil, `{"ok":true}`)
			d := delivery(tt.kind, tt.secret(server.URL))
			answer, err := tt.sender(lenient(5*time.Second, server), server.URL).Send(t.Context(), d)
			if err != nil || answer.Status != http.StatusOK {
				t.Fatal(answer, err)
			}
			if path := strings.ReplaceAll(tt.path, "{id}", d.ID()); call.method != tt.method || call.path != path || call.auth != tt.auth || !tt.check(d, call.document) {
				t.Errorf("%s %s as %q: %s", call.method, call.path, call.auth, call.body)
			}
			if s := d.Channel.Secret; s.Token != "" && strings.Contains(answer.Sent, s.Token) {
				t.Errorf("the log has the token: %s", answer.Sent)
			}
			// What the service finds wrong stays wrong.
			refusing, _ := receiver(t, http.StatusForbidden, nil, "no")
			d = delivery(tt.kind, tt.secret(refusing.URL))
			if answer, err := tt.sender(lenient(5*time.Second, refusing), refusing.URL).Send(t.Context(), d); !fault.Is(err, fault.Invalid) || answer.Text != "no" {
				t.Errorf("refused: %v, %v", answer, err)
			}
		})
	}
}

func TestAnswersAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		header http.Header
		body   string
		kind   fault.Kind
		gone   bool
		after  time.Duration
	}{
		{"busy", 429, http.Header{"Retry-After": {"120"}}, "later", fault.Unavailable, false, 2 * time.Minute},
		{"ill", 500, nil, "", fault.Unavailable, false, 0},
		{"nonsense to wait for", 503, http.Header{"Retry-After": {"-5 apples"}}, "", fault.Unavailable, false, 0},
		{"gone", 410, nil, "", 0, true, 0},
		{"elsewhere", 302, http.Header{"Location": {"http://169.254.169.254/latest/meta-data/"}}, "", fault.Unavailable, false, 0},
	} {
		server, _ := receiver(t, tt.status, tt.header, tt.body)
		answer, err := webhook{lenient(5*time.Second, server)}.Send(t.Context(), delivery(notify.Webhook, notify.Secret{Address: server.URL, Key: key}))
		if errors.Is(err, notify.ErrGone) != tt.gone || !tt.gone && fault.KindOf(err) != tt.kind || answer.RetryAfter != tt.after || answer.Status != tt.status {
			t.Errorf("%s: %+v, %v", tt.name, answer, err)
		}
	}
	server, _ := receiver(t, 429, nil, `{"ok":false,"parameters":{"retry_after":30}}`)
	answer, err := telegram{lenient(5*time.Second, server), server.URL}.Send(t.Context(), delivery(notify.Telegram, notify.Secret{Room: "1", Token: "1:a"}))
	if err == nil || answer.RetryAfter != 30*time.Second {
		t.Errorf("Telegram: %+v, %v", answer, err)
	}
}

// reading reads the body: only then does a server notice that its client is gone.
func reading(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		next(w, r)
	})
}

// Receivers that mean harm, or are ill, take neither memory nor time.
func TestHostileReceivers(t *testing.T) {
	t.Parallel()
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		good   bool
	}{
		{"an endless body", endless, true},
		{"a slow body", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, true},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false},
		{"huge headers", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 200 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 1000))
			}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewTLSServer(reading(tt.answer))
			t.Cleanup(server.Close)
			answer, err := webhook{lenient(time.Second, server)}.Send(t.Context(), delivery(notify.Webhook, notify.Secret{Address: server.URL, Key: key}))
			if good := err == nil; good != tt.good || len(answer.Text) > maxAnswer {
				t.Errorf("%d bytes, %v", len(answer.Text), err)
			}
			if err != nil && (!fault.Is(err, fault.Unavailable) || strings.Contains(fault.Describe(err), "127.0.0.1")) {
				t.Errorf("told: %v", fault.Describe(err))
			}
		})
	}
}

// Whatever way an address of our own is written, it is not called.
func TestPrivateNetworksAreNotCalled(t *testing.T) {
	t.Parallel()
	called := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	t.Cleanup(server.Close)
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	t.Cleanup(plain.Close)
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	strict := caller{outbound.NewClient(outbound.Rules{Patience: 2 * time.Second, AnyPort: true})}
	for _, address := range []string{
		server.URL, "https://localhost" + port, "https://[::1]" + port, "https://[::ffff:127.0.0.1]" + port, "https://127.1" + port, "https://2130706433" + port,
		"https://0x7f000001" + port, "https://0.0.0.0" + port, "https://[::]" + port, "https://[64:ff9b::7f00:1]" + port, plain.URL, "ftp://127.0.0.1/", "https://169.254.169.254/",
	} {
		_, err := webhook{strict}.Send(t.Context(), delivery(notify.Webhook, notify.Secret{Address: address, Key: key}))
		if err == nil {
			t.Errorf("%s is called", address)
		}
	}
	if called {
		t.Error("somebody was called")
	}
	// Where an operator allows it, they are, by plain HTTP too; nowhere else.
	allowed := caller{outbound.NewClient(outbound.Rules{Patience: 2 * time.Second, AnyPort: true, Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})}
	if _, err := (webhook{allowed}).Send(t.Context(), delivery(notify.Webhook, notify.Secret{Address: plain.URL, Key: key})); err != nil || !called {
		t.Errorf("allowed: %v", err)
	}
	other := caller{outbound.NewClient(outbound.Rules{Patience: 2 * time.Second, AnyPort: true, Private: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})}
	if _, err := (webhook{other}).Send(t.Context(), delivery(notify.Webhook, notify.Secret{Address: plain.URL, Key: key})); !fault.Is(err, fault.Invalid) {
		t.Errorf("of another network: %v", err)
	}
}

func TestCancelledCallsEnd(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(reading(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (webhook{lenient(time.Minute, server)}).Send(ctx, delivery(notify.Webhook, notify.Secret{Address: server.URL, Key: key})); err == nil {
		t.Error("no error")
	}
}

// Texts are as long as each service takes them, which counts in its own way; the link stays.
func TestLongTextsFit(t *testing.T) {
	t.Parallel()
	bytesOf := func(s string) int { return len(s) }
	units := func(s string) int { return len(utf16.Encode([]rune(s))) }
	body := func(name string) func(map[string]any) string {
		return func(b map[string]any) string { text, _ := b[name].(string); return text }
	}
	for _, letter := range []string{"x", "ü", "€", "🫁", "\"", "<", "👩\u200d🏫"} {
		for _, tt := range []struct {
			name   string
			sender func(caller, string) notify.Sender
			kind   notify.Kind
			room   string
			text   func(map[string]any) string
			size   func(string) int
			most   int
			linked bool
		}{
			{"ntfy", func(c caller, _ string) notify.Sender { return ntfy{c} }, notify.Ntfy, "", body("message"), bytesOf, 4096, false},
			{"Matrix", func(c caller, _ string) notify.Sender { return matrix{c} }, notify.Matrix, "!a:b", body("body"), bytesOf, 30000, true},
			{"Telegram", func(c caller, base string) notify.Sender { return telegram{c, base} }, notify.Telegram, "1", body("text"), units, 4096, true},
			{"Slack", func(c caller, _ string) notify.Sender { return slack{c} }, notify.Slack, "", func(b map[string]any) string {
				text, _ := b["blocks"].([]any)[1].(map[string]any)["text"].(map[string]any)["text"].(string)
				return text
			}, units, 3000, false},
			{"Teams", func(c caller, _ string) notify.Sender { return teams{c} }, notify.Teams, "", nil, bytesOf, 28000, true}, // all that is sent
		} {
			server, call := receiver(t, http.StatusOK, nil, `{"ok":true}`)
			d := delivery(tt.kind, notify.Secret{Address: server.URL + "/topic", Room: tt.room, Token: "1:a"})
			if tt.kind == notify.Matrix {
				d.Channel.Secret.Address = server.URL
			}
			d.Notice.Title = strings.Repeat(letter, 200)
			d.Notice.Paragraphs = []string{strings.Repeat(letter, 3000), strings.Repeat(letter, 40000)}
			if _, err := tt.sender(lenient(5*time.Second, server), server.URL).Send(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			got := string(call.body)
			if tt.text != nil {
				got = tt.text(call.document)
			}
			if n := tt.size(got); n > tt.most || n < tt.most/3 || !utf8.ValidString(got) || strings.ContainsRune(got, utf8.RuneError) || !strings.Contains(got, "…") {
				t.Errorf("%s: %d of %q", tt.name, n, letter)
			}
			if tt.linked && !strings.Contains(got, "https://clair.example/rooms/7") {
				t.Errorf("%s: no link", tt.name)
			}
		}
	}
}
