package ttn

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Storage reads the Storage Integration, which keeps the uplinks of an application
// for a while: a day on the public network. It writes in batches, so a fresh
// uplink may be missing for some time.
type Storage struct {
	// URL is the server's, for example https://eu1.cloud.thethings.network.
	URL         string
	Application string // its id
	Key         config.Secret
	Client      *http.Client
	// PageSize is how many messages a request asks for; 0 means 1000.
	PageSize int
}

const (
	defaultPageSize = 1000
	maxStored       = 1 << 20 // bytes of one message
)

// RetryAfterError says that the server wants to be left alone for a while.
type RetryAfterError struct {
	After time.Duration
	err   error
}

// Error returns what the server answered.
func (e *RetryAfterError) Error() string { return e.err.Error() }

// Unwrap returns what the server answered, with its fault kind.
func (e *RetryAfterError) Unwrap() error { return e.err }

// Uplinks yields the uplink messages that the application server received after a
// time and before another, in order, as ParseUplink reads them. An error ends it.
// It has a fault kind, and is a *RetryAfterError when the server named a time.
func (s *Storage) Uplinks(ctx context.Context, after, before time.Time) iter.Seq2[[]byte, error] {
	size := s.PageSize
	if size == 0 {
		size = defaultPageSize
	}
	return func(yield func([]byte, error) bool) {
		query := url.Values{
			"order":  {"received_at"},
			"limit":  {strconv.Itoa(size)},
			"after":  {after.UTC().Format(time.RFC3339Nano)},
			"before": {before.UTC().Format(time.RFC3339Nano)},
		}
		for {
			page := &page{}
			if err := s.read(ctx, query, page, yield); err != nil {
				yield(nil, err)
				return
			}
			switch {
			case page.stopped || page.count < size:
				return
			case page.token != "":
				query = url.Values{"continuation_token": {page.token}}
			default:
				// The reference names the parameter of the token, but not where it is
				// returned. Where we do not find it, the last time leads on as well.
				if page.last == query.Get("after") {
					yield(nil, fmt.Errorf("storage of %s: a page of %d messages does not get past %s", s.Application, size, page.last))
					return
				}
				query.Set("after", page.last)
			}
		}
	}
}

// page is what we learn from one answer.
type page struct {
	count   int
	last    string // received_at of its last message
	token   string // of the next page
	stopped bool   // the reader wants no more
}

func (s *Storage) read(ctx context.Context, query url.Values, p *page, yield func([]byte, error) bool) error {
	address := s.URL + "/api/v3/as/applications/" + url.PathEscape(s.Application) + "/packages/storage/uplink_message?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("read the storage of %s: %w", s.Application, err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Key.Reveal())
	req.Header.Set("Accept", "text/event-stream")
	resp, err := s.Client.Do(req)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, fmt.Sprintf("read the storage of %s: %v", s.Application, err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return refusal("read the storage of "+s.Application, resp)
	}
	for _, name := range []string{"X-Continuation-Token", "Grpc-Metadata-Continuation-Token", "Grpc-Metadata-X-Continuation-Token"} {
		if token := resp.Header.Get(name); token != "" {
			p.token = token
		}
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxStored)
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			continue
		}
		if failure := gjson.GetBytes(line, "error"); failure.Exists() {
			return fault.New(fault.Unavailable, "read the storage of %s: %s", s.Application, failure.Get("message").String())
		}
		result := gjson.GetBytes(line, "result")
		if !result.IsObject() || !json.Valid(line) {
			return fault.New(fault.Unavailable, "read the storage of %s: the answer has %q, want {\"result\":{...}}", s.Application, line[:min(len(line), 100)])
		}
		p.count++
		p.last = result.Get("received_at").String()
		if !yield([]byte(result.Raw), nil) {
			p.stopped = true
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, fmt.Sprintf("read the storage of %s: %v", s.Application, err))
	}
	return nil
}

// refusal explains an answer that is not 200.
func refusal(what string, resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	text := gjson.GetBytes(body, "message").String()
	if text == "" {
		text = string(body[:min(len(body), 200)])
	}
	err := fault.New(fault.KindOfStatus(resp.StatusCode), "%s: %s: %s", what, resp.Status, text)
	if after, ok := retryAfter(resp.Header); ok {
		return &RetryAfterError{After: after, err: err}
	}
	return err
}

// retryAfter reads when the server may be asked again: the standard header, or the
// one of The Things Stack's rate limits.
func retryAfter(h http.Header) (time.Duration, bool) {
	for _, name := range []string{"Retry-After", "X-Rate-Limit-Retry"} {
		value := h.Get(name)
		if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
			return time.Duration(seconds) * time.Second, true
		}
		if at, err := http.ParseTime(value); err == nil {
			return max(time.Until(at), 0), true
		}
	}
	return 0, false
}
