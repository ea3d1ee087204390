package chirpstack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// API is ChirpStack's API over REST, as chirpstack-rest-api serves it. Over MQTT nobody tells
// what became of a downlink; this says that it is queued, or why not.
//
// Source: api/proto/api/device.proto and application.proto of github.com/chirpstack/chirpstack,
// whose google.api.http options are the paths, and chirpstack-docs, src/chirpstack/api.
type API struct {
	// URL is the server's, for example http://chirpstack-rest-api:8090.
	URL    string
	Key    config.Secret // an API key of the tenant
	Client *http.Client
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// Enqueue adds a downlink to a device's queue, and returns its id there. An error has a fault
// kind: Unauthenticated and Forbidden say that the key is none or may not do this, NotFound
// that there is no such device.
func (a *API) Enqueue(ctx context.Context, device lorawan.EUI64, fPort uint8, payload []byte) (id string, err error) {
	what := "queue a downlink for " + device.String()
	item, err := json.Marshal(map[string]any{"queueItem": map[string]any{"confirmed": false, "fPort": fPort, "data": payload}})
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	answer, err := a.call(ctx, what, http.MethodPost, "/api/devices/"+strings.ToLower(device.String())+"/queue", item)
	if err != nil {
		return "", err
	}
	if id = gjson.GetBytes(answer, "id").String(); id == "" {
		return "", fault.New(fault.Unavailable, "%s: the answer has no id; is there chirpstack-rest-api at %s?", what, a.URL)
	}
	return id, nil
}

// Read reads an application, which the key of another tenant may not. Errors are those of
// Enqueue.
func (a *API) Read(ctx context.Context, application string) error {
	_, err := a.call(ctx, "read the application "+application, http.MethodGet, "/api/applications/"+url.PathEscape(application), nil)
	return err
}

func (a *API) call(ctx context.Context, what, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	req.Header.Set("Grpc-Metadata-Authorization", "Bearer "+a.Key.Reveal())
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.Client.Do(req)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, fmt.Sprintf("%s: %v", what, err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, fmt.Sprintf("%s: %v", what, err))
	}
	if resp.StatusCode == http.StatusOK {
		return answer, nil
	}
	text := gjson.GetBytes(answer, "message").String()
	return nil, fault.New(fault.KindOfStatus(resp.StatusCode), "%s: %s: %s", what, resp.Status, text[:min(len(text), 200)])
}
