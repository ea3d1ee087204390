package courier

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
)

// webhook sends CloudEvents 1.0 (structured mode), signed as Standard Webhooks has it.
type webhook struct{ caller }

const (
	// eventTypes is before the kind of a message in the type of its event.
	eventTypes = "de.clair-berlin."
	digestType = eventTypes + "digest"
)

// event is what CloudEvents 1.0 says an event is. The organization is an extension.
type event struct {
	SpecVersion  string          `json:"specversion"`
	ID           string          `json:"id"`
	Source       string          `json:"source"`
	Type         string          `json:"type"`
	Time         string          `json:"time"`
	ContentType  string          `json:"datacontenttype"`
	Organization string          `json:"organizationid,omitempty"`
	Data         json.RawMessage `json:"data"`
}

func eventOf(d *notify.Delivery, m *notify.Sent) event {
	e := event{
		SpecVersion: "1.0", ID: m.EventID(), Source: d.PublicURL + "/", Type: eventTypes + m.Kind,
		Time: m.WrittenAt.UTC().Format(time.RFC3339Nano), ContentType: "application/json", Data: m.Data,
	}
	if m.Organization != 0 {
		e.Organization = strconv.FormatInt(m.Organization, 10)
	}
	return e
}

// eventsOf is the event of a parcel: of several messages, one that has theirs.
func eventsOf(d *notify.Delivery) ([]byte, error) {
	messages := d.Parcel.Messages
	if len(messages) == 1 {
		return json.Marshal(eventOf(d, &messages[0]))
	}
	all := make([]event, len(messages))
	for i := range messages {
		all[i] = eventOf(d, &messages[i])
	}
	data, err := json.Marshal(map[string]any{"events": all})
	if err != nil {
		return nil, err
	}
	first := all[0]
	first.ID, first.Type, first.Data = d.ID()+"_all", digestType, data
	return json.Marshal(first)
}

// Send is part of notify.Sender.
func (w webhook) Send(ctx context.Context, d *notify.Delivery) (notify.Answer, error) {
	body, err := eventsOf(d)
	if err != nil {
		return notify.Answer{}, err
	}
	secret := &d.Channel.Secret
	keys := []string{secret.Key}
	if secret.OldKey != "" && d.Now.Before(secret.OldUntil) {
		keys = append(keys, secret.OldKey)
	}
	header := http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}
	header.Set(standardwebhooks.HeaderWebhookID, d.ID())
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(d.Now.Unix(), 10))
	signatures := ""
	for _, key := range keys {
		signer, err := standardwebhooks.NewWebhook(key)
		if err != nil {
			return notify.Answer{}, err
		}
		signature, err := signer.Sign(d.ID(), d.Now, body)
		if err != nil {
			return notify.Answer{}, err
		}
		if signatures != "" {
			signatures += " "
		}
		signatures += signature
	}
	header.Set(standardwebhooks.HeaderWebhookSignature, signatures)
	return w.do(ctx, http.MethodPost, secret.Address, header, body)
}
