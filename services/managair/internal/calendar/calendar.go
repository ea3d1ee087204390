// Package calendar fetches calendars of holidays that somebody gave the address of. They
// are strangers to us, and so may the address be meant for others: what it leads to has to
// be in the public network, and is bounded in size and time.
package calendar

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/outbound"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

const (
	// patience is how long fetching may take, with all that it is led to.
	patience = 10 * time.Second
	// maxRedirects is how often one address may lead to another.
	maxRedirects = 3
)

// Fetcher fetches calendars by HTTPS. The zero Fetcher cannot be used: see New.
type Fetcher struct {
	client *http.Client
	log    *slog.Logger
}

var _ timetable.Fetcher = Fetcher{}

// New returns a Fetcher for the public network. The log says why a calendar cannot be
// fetched, in which its people are only told that it cannot.
func New(log *slog.Logger) Fetcher { return newFetcher(log, nil, nil) }

// newFetcher returns one for the addresses that are allowed; nil: public ones.
func newFetcher(log *slog.Logger, allowed func(netip.AddrPort) bool, trust *tls.Config) Fetcher {
	return Fetcher{outbound.NewClient(outbound.Rules{Patience: patience, MaxRedirects: maxRedirects, Allowed: allowed, Trust: trust}), log}
}

// Fetch is part of timetable.Fetcher.
func (f Fetcher) Fetch(ctx context.Context, address string) ([]byte, error) {
	data, err := f.fetch(ctx, address)
	if err == nil {
		return data, nil
	}
	// Errors of these packages have the address, in which there may be a secret.
	host := ""
	if to, err := url.Parse(address); err == nil {
		host = to.Host
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	f.log.InfoContext(ctx, "a calendar could not be fetched", "host", host, "err", err)
	return nil, fmt.Errorf("fetch a calendar: %w", err)
}

func (f Fetcher) fetch(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/calendar, */*;q=0.1")
	r.Header.Set("User-Agent", "clair-stack (calendar of holidays, read daily)")
	answer, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", answer.Status)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, timetable.MaxCalendar+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > timetable.MaxCalendar:
		return nil, timetable.TooLarge
	default:
		return data, nil
	}
}
