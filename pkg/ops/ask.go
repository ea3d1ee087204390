package ops

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// State is how a process answered.
type State string

// All of them.
const (
	Well State = "well"
	Ill  State = "ill"  // something that it depends on does not answer
	Away State = "away" // it does not answer itself
)

// Answer is how one process of a service is.
type Answer struct {
	Service string
	Address string // host and port; empty when its name is unknown
	Version string
	State   State
	Checks  []string // "name: ok", "name: what is wrong", or why there was no answer
}

// Problems are the checks that failed.
func (a *Answer) Problems() []string {
	return slices.DeleteFunc(slices.Clone(a.Checks), func(check string) bool { return strings.HasSuffix(check, ": ok") })
}

// askTimeout is longer than a process gives its own checks.
const askTimeout = 3 * time.Second

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4096

// Ask asks the operations ports of services whether they are ready. A service's
// address is http://host:port; each address of the host is asked, because a name may
// be that of several processes.
func Ask(ctx context.Context, services map[string]string) []Answer {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	names := slices.Sorted(maps.Keys(services))
	answers := make([][]Answer, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { answers[i] = askService(ctx, name, services[name]) })
	}
	wg.Wait()
	return slices.Concat(answers...)
}

func askService(ctx context.Context, name, address string) []Answer {
	u, err := url.Parse(address)
	if err != nil {
		return []Answer{{Service: name, State: Away, Checks: []string{err.Error()}}}
	}
	hosts, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
	if err != nil {
		return []Answer{{Service: name, State: Away, Checks: []string{err.Error()}}}
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	answers := make([]Answer, len(hosts))
	var wg sync.WaitGroup
	for i, host := range hosts {
		wg.Go(func() {
			answers[i] = ask(ctx, net.JoinHostPort(host, u.Port()))
			answers[i].Service = name
		})
	}
	wg.Wait()
	return answers
}

func ask(ctx context.Context, address string) Answer {
	a := Answer{Address: address, State: Away}
	away := func(err error) Answer {
		a.Checks = []string{err.Error()}
		return a
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return away(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return away(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body bytes.Buffer
	_, _ = body.ReadFrom(http.MaxBytesReader(nil, resp.Body, maxAnswer)) // what came is shown
	a.Version, a.State = resp.Header.Get(VersionHeader), Ill
	if resp.StatusCode == http.StatusOK {
		a.State = Well
	}
	for line := range strings.Lines(body.String()) {
		a.Checks = append(a.Checks, strings.TrimSpace(line))
	}
	return a
}
