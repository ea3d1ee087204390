package hostile

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

// A stranger opens all the streams that the server can take.
func TestStrangerTakesAllStreams(t *testing.T) {
	t.Parallel()
	s := newScore(t, "stranger, live values")
	const perAccount, perPlace = 3, 8
	running := stacktest.Start(t, stacktest.Options{Change: env("LIVE_MAX_PER_ACCOUNT=3", "LIVE_MAX_PER_PLACE=8")})
	running.Load(t, house())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	member, visitor := logIn(t, running, mallory), client{stack: running}
	open := map[int]int{}
	for range 2 * perAccount {
		open[member.listen(ctx, t, "/api/v1/sites/1/live/").status]++
	}
	s.check(t, open[http.StatusOK] == perAccount && open[http.StatusTooManyRequests] == perAccount, "an account: %v", open)
	for range 2 * perPlace {
		open[visitor.listen(ctx, t, "/api/v1/sites/1/live/").status]++
	}
	s.check(t, open[http.StatusOK] == perPlace, "a place: %v", open)
	got := visitor.do(ctx, http.MethodGet, "/api/v1/rooms/", "", http.NoBody)
	s.check(t, got.status == http.StatusOK, "meanwhile: %d %s", got.status, got.body)
}

// Strangers at a hundred addresses guess passwords, a hundred times a second, and those
// who know theirs log in all the same.
//
//nolint:paralleltest // the log-ins that are waited for are timed
func TestStrangersGuessPasswords(t *testing.T) {
	s := newScore(t, "strangers, passwords")
	running := stacktest.Start(t, stacktest.Options{})
	running.Load(t, house())

	const addresses, honestLogIns = 100, 10
	// Until it has been wrong once, each place is one where nobody has guessed.
	for i := range addresses {
		got := client{stack: running, from: guesser(i)}.tryLogIn(t.Context(), fmt.Sprintf("nobody%d", i), "guess")
		s.check(t, got.status == http.StatusBadRequest, "the first guess: %d %s", got.status, got.body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	answers := make(chan answer, 10*addresses)
	go guess(ctx, running, addresses, answers)
	statuses := map[int]int{}
	count := func(got answer) {
		statuses[got.status]++
		s.check(t, got.status == http.StatusBadRequest || got.status == http.StatusTooManyRequests || got.status == http.StatusServiceUnavailable,
			"a guess: %d %s", got.status, got.body)
	}
	for range addresses {
		count(<-answers)
	}

	var took []time.Duration
	for range honestLogIns {
		honest := client{stack: running, from: fmt.Sprintf("198.51.100.%d", len(took)%250)}
		asked := time.Now()
		got := honest.tryLogIn(t.Context(), "olga", password)
		took = append(took, time.Since(asked))
		s.check(t, got.status == http.StatusOK, "an honest log-in: %d %s", got.status, got.body)
	}
	cancel()
	for got := range answers {
		count(got)
	}
	slices.Sort(took)
	t.Logf("%d honest log-ins meanwhile: median %.2f s, longest %.2f s; guesses by status: %v",
		len(took), took[len(took)/2].Seconds(), took[len(took)-1].Seconds(), statuses)
}

// guesser is the address of one who guesses.
func guesser(i int) string { return fmt.Sprintf("203.0.113.%d", i) }

// guess tries passwords from so many addresses, as often each second, until ctx ends and
// all have been answered.
func guess(ctx context.Context, running *stacktest.Stack, addresses int, answers chan<- answer) {
	defer close(answers)
	var guesses sync.WaitGroup
	defer guesses.Wait()
	everySecond := time.NewTicker(time.Second / time.Duration(addresses))
	defer everySecond.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-everySecond.C:
		}
		// The names of those who are there, and of nobody.
		name := []string{"olga", mallory, fmt.Sprintf("nobody%d", i)}[i%3]
		from := client{stack: running, from: guesser(i % addresses)}
		guesses.Go(func() { answers <- from.tryLogIn(context.WithoutCancel(ctx), name, fmt.Sprintf("guess %d", i)) })
	}
}

// A stranger asks what is nobody's business, in forms that nobody foresaw.
func TestStrangerAsksOddly(t *testing.T) {
	t.Parallel()
	s := newScore(t, "stranger, odd questions")
	running := stacktest.Start(t, stacktest.Options{})
	running.Load(t, house())
	stranger := client{stack: running}
	send := func(method, path, contentType, body string) answer {
		return stranger.do(t.Context(), method, path, contentType, strings.NewReader(body))
	}

	for _, name := range []string{
		"", strings.Repeat("x", 5000), `\u0000`, `a\u0000b`, `\ud800`, strings.Repeat("ä", 300), `olga\r\nX: y`, "' OR 1=1 --", "%00", "nobody",
	} {
		got := send(http.MethodPost, "/api/v1/auth/login/", media, `{"data":{"type":"LoginView","attributes":{"username":"`+name+`","password":"x"}}}`)
		s.check(t, got.status == http.StatusBadRequest, "log in as %.20q: %d %s", name, got.status, got.body)
	}
	for _, body := range []string{"", "{", "null", "[]", `{"data":null}`, `{"data":[]}`, `{"data":{"type":7}}`, strings.Repeat("[", 100_000), `{"data":{"type":"LoginView","attributes":{"username":{},"password":[]}}}`} {
		got := send(http.MethodPost, "/api/v1/auth/login/", media, body)
		s.check(t, got.status >= 400 && got.status < 500, "body %.30q: %d %s", body, got.status, got.body)
	}
	for _, path := range []string{
		"organizations/", "organizations/1/", "memberships/", "users/", "users/1/", "nodes/", "fidelity/", "invitations/", "addresses/1/",
		"nodes/1/", "organizations/1/nodes/", "organizations/1/users/",
	} {
		got := send(http.MethodGet, "/api/v1/"+path, "", "")
		s.check(t, got.status < 500, "%s: %d", path, got.status)
		for _, secret := range []string{"olga", "@", "02C1A1FA00000001", "digest"} {
			s.check(t, !strings.Contains(strings.ToUpper(string(got.body)), strings.ToUpper(secret)), "%s tells of %s: %.300s", path, secret, got.body)
		}
	}
	olga := logIn(t, running, "olga")
	for _, way := range []string{
		"organizations/?token=" + olga.token, "organizations/?access_token=" + olga.token, "organizations/?_method=GET&key=" + url.QueryEscape("Token "+olga.token),
	} {
		got := send(http.MethodGet, "/api/v1/"+way, "", "")
		s.check(t, got.status == http.StatusUnauthorized || got.status == http.StatusBadRequest, "a token in the address: %d", got.status)
	}
	for _, header := range []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"} {
		disguised := stranger
		disguised.more = http.Header{header: {http.MethodDelete}}
		got := disguised.do(t.Context(), http.MethodPost, "/api/v1/installations/1/", media, http.NoBody)
		s.check(t, got.status >= 400 && got.status < 500, "%s: %d", header, got.status)
	}
	got := send(http.MethodGet, "/api/v1/installations/1/", "", "")
	s.check(t, got.status == http.StatusOK, "what is public is there no more: %d", got.status)
}

// A stranger with an address tries tokens, and is slowed down; others are not.
func TestStrangerTriesTokens(t *testing.T) {
	t.Parallel()
	s := newScore(t, "stranger, tokens")
	running := stacktest.Start(t, stacktest.Options{})
	running.Load(t, house())
	olga := logIn(t, running, "olga")
	olga.from = "198.51.100.7"
	statuses := map[int]int{}
	for i := range 300 {
		guesser := client{stack: running, token: fmt.Sprintf("%064x", i), from: "203.0.113.9"}
		statuses[guesser.do(t.Context(), http.MethodGet, "/api/v1/organizations/", "", http.NoBody).status]++
	}
	s.check(t, statuses[http.StatusUnauthorized]+statuses[http.StatusTooManyRequests] == 300, "wrong tokens: %v", statuses)
	s.check(t, statuses[http.StatusTooManyRequests] > 0, "300 wrong tokens, and nobody was slowed down: %v", statuses)
	got := olga.do(t.Context(), http.MethodGet, "/api/v1/organizations/", "", http.NoBody)
	s.check(t, got.status == http.StatusOK, "with the right one, from elsewhere: %d %s", got.status, got.body)
	t.Logf("wrong tokens by status: %v", statuses)
}
