package visitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
)

// resource is what JSON:API calls so, as far as it is written here.
type resource struct {
	Type          string              `json:"type"`
	ID            string              `json:"id,omitempty"`
	Attributes    map[string]any      `json:"attributes,omitempty"`
	Relationships map[string]relation `json:"relationships,omitempty"`
}

type relation struct {
	Data resource `json:"data"`
}

func to(kind, id string) relation { return relation{resource{Type: kind, ID: id}} }

const jsonAPI = "application/vnd.api+json"

// create makes a thing as the pages do, and returns its id.
func (b *Browser) create(ctx context.Context, path string, r resource) (string, error) {
	body, err := json.Marshal(map[string]any{"data": r})
	if err != nil {
		return "", err
	}
	header := http.Header{"Content-Type": {jsonAPI}, "Accept": {jsonAPI}, "X-Csrftoken": {b.cookie("csrftoken")}}
	answer, _, err := b.Ask(ctx, http.MethodPost, "/api/v1/"+path, header, bytes.NewReader(body), http.StatusCreated)
	if err != nil {
		return "", err
	}
	var document struct{ Data struct{ ID string } }
	if err := json.Unmarshal(answer, &document); err != nil {
		return "", fmt.Errorf("%w: %.300s", err, answer)
	}
	return document.Data.ID, nil
}

// find returns the id of the first thing in a list whose attribute begins like this, in any
// case: fixtures describe the same kinds of sensors in their own words.
func (b *Browser) find(ctx context.Context, path, attribute, prefix string) (string, error) {
	body, err := b.See(ctx, "/api/v1/"+path)
	if err != nil {
		return "", err
	}
	var list struct {
		Data []struct {
			ID         string
			Attributes map[string]any
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return "", fmt.Errorf("%w: %.300s", err, body)
	}
	for _, r := range list.Data {
		if value, _ := r.Attributes[attribute].(string); strings.HasPrefix(strings.ToUpper(value), strings.ToUpper(prefix)) {
			return r.ID, nil
		}
	}
	return "", fmt.Errorf("%s has no %s %q: %.500s", path, attribute, prefix, body)
}

// SetUpRoom goes the way to the first value as somebody who has an account and nothing else,
// and returns the id of the installation of the sensor in its room: a Clairchen that has not
// sent before. That the pages lead there is a test of theirs.
func SetUpRoom(ctx context.Context, b *Browser, devEUI string) (installation string, err error) {
	protocol, err := b.find(ctx, "protocols/?page[size]=200", "identifier", clairchen.Protocol)
	if err != nil {
		return "", err
	}
	model, err := b.find(ctx, "models/?page[size]=200", "name", "Clairchen")
	if err != nil {
		return "", err
	}
	var organization, address, site, room, node string
	for _, step := range []struct {
		path string
		id   *string
		make func() resource
	}{
		{"organizations/", &organization, func() resource {
			return resource{Type: "Organization", Attributes: map[string]any{"name": "School at the lake"}}
		}},
		{"addresses/", &address, func() resource {
			return resource{Type: "Address", Attributes: map[string]any{"street1": "Seestr. 1", "zip": "14050", "city": "Berlin"}}
		}},
		{"sites/", &site, func() resource {
			return resource{Type: "Site", Attributes: map[string]any{"name": "House at the lake"}, Relationships: map[string]relation{
				"address": to("Address", address), "operator": to("Organization", organization),
			}}
		}},
		{"rooms/", &room, func() resource {
			return resource{Type: "Room", Attributes: map[string]any{"name": "Hedgehogs"}, Relationships: map[string]relation{"site": to("Site", site)}}
		}},
		{"nodes/", &node, func() resource {
			return resource{Type: "Node", Attributes: map[string]any{"eui64": devEUI, "alias": "Hedgehogs 1"}, Relationships: map[string]relation{
				"protocol": to("Protocol", protocol), "model": to("Model", model), "owner": to("Organization", organization),
			}}
		}},
		{"installations/", &installation, func() resource {
			return resource{
				Type: "Installation", Attributes: map[string]any{"from_timestamp_s": time.Now().AddDate(0, 0, -1).Unix(), "is_public": true},
				Relationships: map[string]relation{"node": to("Node", node), "room": to("Room", room)},
			}
		}},
	} {
		if *step.id, err = b.create(ctx, step.path, step.make()); err != nil {
			return "", err
		}
	}
	return installation, nil
}

// SeeValue reports whether anyone sees a value of an installation.
func SeeValue(ctx context.Context, entry, installation string) error {
	anyone, err := NewBrowser(entry)
	if err != nil {
		return err
	}
	body, err := anyone.See(ctx, "/api/v1/installations/"+installation+"/?include_timeseries=1")
	if err != nil {
		return err
	}
	times, err := SeriesTimes(body)
	if err == nil && len(times) == 0 {
		err = errors.New("there is no value of the room")
	}
	return err
}
