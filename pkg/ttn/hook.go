package ttn

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Hook posts messages as The Things Stack's webhooks do, for simulators and tests. Its zero
// value is the poorest edition, that of the open source server and of the community network:
// what is not taken at once is gone.
//
// Source: pkg/applicationserver/io/web of github.com/TheThingsNetwork/lorawan-stack;
// github.com/TheThingsIndustries/lorawan-stack-docs, doc/content/integrations/webhooks.
type Hook struct {
	Header http.Header
	// Transport makes the connections; nil: http.DefaultTransport.
	Transport http.RoundTripper
	// Retries are the waits before a failed post is repeated. The Cloud's paid editions can
	// switch them on: 4 s, 8 s, and five times 15 minutes.
	Retries []time.Duration
	// After SwitchOffAfter posts that failed in a row the webhook is left alone for
	// SwitchOffFor; 0: never.
	SwitchOffAfter int
	SwitchOffFor   time.Duration

	mu      sync.Mutex
	answers map[int]int
	gaveUp  int
	failed  int       // posts, in a row
	off     time.Time // until when the webhook is left alone
}

// hookTimeout is when the open source server gives up a post; the Cloud does after ten seconds.
const hookTimeout = 5 * time.Second

// NoAnswer stands for the code of an answer that did not come in time, or not at all.
const NoAnswer = 0

// Post posts a message to an address, and reports whether it was taken. What is under way is
// ended by its time limit alone, not with ctx.
func (h *Hook) Post(ctx context.Context, address string, message []byte) bool {
	for i := 0; ; i++ {
		if h.SwitchedOff() {
			h.giveUp()
			return false
		}
		if h.judge(h.try(context.WithoutCancel(ctx), address, message)) {
			return true
		}
		if i == len(h.Retries) || ctx.Err() != nil {
			h.giveUp()
			return false
		}
		time.Sleep(h.Retries[i]) // the behaviour that is documented, not a wait for something
	}
}

// try returns the code of the answer.
func (h *Hook) try(ctx context.Context, address string, message []byte) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(message))
	if err != nil {
		return NoAnswer
	}
	maps.Copy(req.Header, h.Header)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "TheThingsStack/3.32.1 (linux/amd64)")
	client := http.Client{Transport: h.Transport, Timeout: hookTimeout}
	resp, err := client.Do(req)
	if err != nil {
		return NoAnswer
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// judge counts an answer, and reports whether it is a good one.
func (h *Hook) judge(code int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.answers == nil {
		h.answers = map[int]int{}
	}
	h.answers[code]++
	if code/100 == 2 {
		h.failed = 0
		return true
	}
	if h.failed++; h.SwitchOffAfter > 0 && h.failed >= h.SwitchOffAfter {
		h.failed, h.off = 0, time.Now().Add(h.SwitchOffFor)
	}
	return false
}

func (h *Hook) giveUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gaveUp++
}

// GaveUp returns how many messages no post could deliver.
func (h *Hook) GaveUp() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gaveUp
}

// SwitchedOff reports whether the webhook is left alone.
func (h *Hook) SwitchedOff() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.off)
}

// Answers returns how often each code was the answer.
func (h *Hook) Answers() map[int]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.answers)
}
