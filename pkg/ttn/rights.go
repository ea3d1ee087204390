package ttn

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Right is what a key may do, as the network server names it.
type Right string

// Those that we need.
const (
	// ReadTraffic lets one subscribe to uplinks and search the Storage Integration.
	ReadTraffic Right = "RIGHT_APPLICATION_TRAFFIC_READ"
	// WriteDownlinks lets one queue downlinks.
	WriteDownlinks Right = "RIGHT_APPLICATION_TRAFFIC_DOWN_WRITE"

	// allRights stands for every right of an application.
	allRights Right = "RIGHT_APPLICATION_ALL"
)

// Identity is the Identity Server, as far as it tells what a key may do. Over MQTT nobody
// tells: a key without a right may subscribe and publish, and nothing comes of it.
type Identity struct {
	// URL is the server's, for example https://eu1.cloud.thethings.network.
	URL         string
	Application string // its id
	Key         config.Secret
	Client      *http.Client
}

// maxRights bounds the answer: some fifty names.
const maxRights = 64 << 10

// Missing returns those of some rights that the key does not have. An error has a fault
// kind: Unauthenticated and Forbidden say that the key is none, or not any more.
func (i *Identity) Missing(ctx context.Context, wanted []Right) ([]Right, error) {
	what := "ask for the rights of the key for " + i.Application
	address := i.URL + "/api/v3/applications/" + url.PathEscape(i.Application) + "/rights"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	req.Header.Set("Authorization", "Bearer "+i.Key.Reveal())
	req.Header.Set("Accept", "application/json")
	resp, err := i.Client.Do(req)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, fmt.Sprintf("%s: %v", what, err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(what, resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRights))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, fmt.Sprintf("%s: %v", what, err))
	}
	if !gjson.ValidBytes(body) || !gjson.ParseBytes(body).IsObject() {
		return nil, fault.New(fault.Unavailable, "%s: the answer is not JSON; is there The Things Stack at %s?", what, i.URL)
	}
	// An unknown application, or another one's key, has none: the list is left out.
	var has []Right
	for _, name := range gjson.GetBytes(body, "rights").Array() {
		has = append(has, Right(name.String()))
	}
	if slices.Contains(has, allRights) {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(r Right) bool { return slices.Contains(has, r) }), nil
}
