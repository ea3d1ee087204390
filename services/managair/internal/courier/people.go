package courier

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// What services count texts in. Of those that do not tell, the larger is taken.
var (
	inBytes unit = utf8.RuneLen
	inUTF16 unit = utf16.RuneLen
)

// How long texts of services may be.
const (
	maxNtfy      = 4096  // bytes, beyond which it makes an attachment
	maxNtfyTitle = 250   // bytes
	maxTelegram  = 4096  // of UTF-16
	maxSlack     = 3000  // of UTF-16
	maxTitle     = 150   // of UTF-16
	maxTeams     = 12000 // bytes: of 28 KB, in which quotes are two
	maxMatrix    = 30000 // bytes: of an event of 64 KiB, in which quotes are two
)

// open is what the link to more is called.
func open(d *notify.Delivery) string { return words.NotifyOpen.In(d.Channel.Language) }

// ntfy publishes as JSON: names in headers would be no texts any more.
type ntfy struct{ caller }

// Send is part of notify.Sender.
func (n ntfy) Send(ctx context.Context, d *notify.Delivery) (notify.Answer, error) {
	to, err := url.Parse(d.Channel.Secret.Address)
	if err != nil {
		return notify.Answer{}, fault.New(fault.Invalid, "the address cannot be called")
	}
	message := map[string]any{"topic": strings.Trim(to.Path, "/"), "title": clip(d.Notice.Title, maxNtfyTitle, inBytes), "message": clip(strings.Join(d.Notice.Paragraphs, "\n\n"), maxNtfy, inBytes)}
	if link := linkOf(d); link != "" {
		message["click"] = link
	}
	if d.Notice.Urgent {
		message["priority"] = 4
	}
	root := url.URL{Scheme: to.Scheme, Host: to.Host, Path: "/"}
	return n.people(ctx, http.MethodPost, root.String(), d.Channel.Secret.Token, message)
}

// matrix sends to a room. The transaction's id has the homeserver take it once.
type matrix struct{ caller }

// Send is part of notify.Sender.
func (m matrix) Send(ctx context.Context, d *notify.Delivery) (notify.Answer, error) {
	secret := &d.Channel.Secret
	to := strings.TrimRight(secret.Address, "/") + "/_matrix/client/v3/rooms/" + url.PathEscape(secret.Room) + "/send/m.room.message/" + url.PathEscape(d.ID())
	return m.people(ctx, http.MethodPut, to, secret.Token, map[string]any{"msgtype": "m.text", "body": text(d, true, maxMatrix, inBytes)})
}

const telegramAPI = "https://api.telegram.org"

// telegram sends by a bot.
type telegram struct {
	caller

	api string
}

// Send is part of notify.Sender. The token is in the address, so that is told nowhere.
func (t telegram) Send(ctx context.Context, d *notify.Delivery) (notify.Answer, error) {
	secret := &d.Channel.Secret
	answer, err := t.people(ctx, http.MethodPost, t.api+"/bot"+secret.Token+"/sendMessage", "", map[string]any{
		"chat_id": secret.Room, "text": text(d, true, maxTelegram, inUTF16), "link_preview_options": map[string]any{"is_disabled": true},
	})
	var said struct {
		Parameters struct {
			RetryAfter int64 `json:"retry_after"`
		} `json:"parameters"`
	}
	if err != nil && answer.RetryAfter == 0 && json.Unmarshal([]byte(answer.Text), &said) == nil {
		answer.RetryAfter = time.Duration(min(max(said.Parameters.RetryAfter, 0), 86400)) * time.Second
	}
	return answer, err
}

// slack calls an incoming webhook, with blocks of plain text.
type slack struct{ caller }

// Send is part of notify.Sender.
func (s slack) Send(ctx context.Context, d *notify.Delivery) (notify.Answer, error) {
	plain := func(kind, text string, most int) map[string]any {
		return map[string]any{"type": kind, "text": map[string]any{"type": "plain_text", "text": clip(text, most, inUTF16), "emoji": false}}
	}
	blocks := []any{plain("header", d.Notice.Title, maxTitle)}
	if body := strings.Join(d.Notice.Paragraphs, "\n\n"); body != "" {
		blocks = append(blocks, plain("section", body, maxSlack))
	}
	if link := linkOf(d); link != "" {
		blocks = append(blocks, map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": "<" + mrkdwn.Replace(link) + "|" + open(d) + ">"}})
	}
	return s.people(ctx, http.MethodPost, d.Channel.Secret.Address, "", map[string]any{"text": mrkdwn.Replace(d.Notice.Title), "blocks": blocks})
}

// mrkdwn keeps texts from being links and calls of everybody.
var mrkdwn = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "%7C")

// teams calls a workflow with an adaptive card, of text runs, in which nothing is markup.
type teams struct{ caller }

// Send is part of notify.Sender.
func (t teams) Send(ctx context.Context, d *notify.Delivery) (notify.Answer, error) {
	run := func(text, weight string) map[string]any {
		return map[string]any{"type": "RichTextBlock", "inlines": []any{map[string]any{"type": "TextRun", "text": text, "weight": weight}}}
	}
	body := []any{run(d.Notice.Title, "Bolder")}
	left := maxTeams
	for _, p := range d.Notice.Paragraphs {
		body = append(body, run(clip(p, left, inBytes), "Default"))
		if left -= len(p); left < 0 {
			break
		}
	}
	card := map[string]any{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body}
	if link := linkOf(d); link != "" {
		card["actions"] = []any{map[string]any{"type": "Action.OpenUrl", "title": open(d), "url": link}}
	}
	return t.people(ctx, http.MethodPost, d.Channel.Secret.Address, "", map[string]any{
		"type": "message", "attachments": []any{map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}},
	})
}
