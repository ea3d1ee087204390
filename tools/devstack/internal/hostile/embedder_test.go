package hostile

import (
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

// evil is where the embedder's pages are.
const evil = "https://evil.example"

// form is how a page sends without asking anybody first.
const form = "application/x-www-form-urlencoded"

// victim is the browser of somebody who is logged in, and has opened a page of evil's.
type victim struct {
	client

	browser *http.Client
}

// startVictim logs olga in by our page, as a browser does.
func startVictim(t *testing.T, running *stacktest.Stack) victim {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := victim{client{stack: running}, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	v.more = http.Header{"Origin": {running.URL()}, "Sec-Fetch-Site": {"same-origin"}}
	got := v.ask(t, http.MethodPost, "/accounts/login/", form, url.Values{"login": {"olga"}, "username": {"olga"}, "password": {password}}.Encode())
	home, err := url.Parse(running.URL())
	if err != nil || len(jar.Cookies(home)) == 0 {
		t.Fatalf("log in by the page: %d %.300s", got.status, got.body)
	}
	return v
}

// ask asks with the browser's cookies.
func (v victim) ask(t *testing.T, method, path, contentType, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, v.stack.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	maps.Copy(req.Header, v.more)
	return answerTo(v.browser, req)
}

// led is the victim, led by a page of evil's: what a browser says of itself then.
func (v victim) led(headers http.Header) victim {
	v.more = headers
	return v
}

// An embedder has people on pages of theirs who are logged in here, and acts as them,
// reads what they see, or has them click on what they do not see.
func TestEmbedderActsAsVisitors(t *testing.T) {
	t.Parallel()
	s := newScore(t, "embedder")
	running := stacktest.Start(t, stacktest.Options{})
	running.Load(t, house())
	v := startVictim(t, running)
	if got := v.ask(t, http.MethodGet, "/api/v1/auth/user/", "", ""); got.status != http.StatusOK || !strings.Contains(string(got.body), "olga") {
		t.Fatalf("logged in: %d %s", got.status, got.body)
	}

	room := `{"data":{"type":"Room","id":"1","attributes":{"name":"Evil"}}}`
	writes := []struct{ method, path, contentType, body string }{
		{http.MethodPatch, "/api/v1/rooms/1/", media, room},
		{http.MethodPost, "/api/v1/rooms/", "text/plain", room},
		{http.MethodDelete, "/api/v1/installations/1/", "", ""},
		{http.MethodPost, "/api/v1/operations/", "text/plain", `{"atomic:operations":[]}`},
		{http.MethodPost, "/api/v1/auth/login/", media, `{"data":{"type":"LoginView","attributes":{"username":"mallory","password":"` + password + `"}}}`},
		{http.MethodPost, "/api/v1/auth/logout/", "text/plain", ""},
		{http.MethodPost, "/accounts/login/", form, "login=mallory&password=" + password},
		{http.MethodPost, "/accounts/logout/", form, ""},
		{http.MethodPost, "/accounts/email/", form, "action=add&email=evil@evil.example"},
		{http.MethodPost, "/accounts/sessions/", form, "action=create&name=evil"},
		{http.MethodPost, "/accounts/delete/", form, "password=" + password},
	}
	for name, headers := range map[string]http.Header{
		"as of today":    {"Origin": {evil}, "Sec-Fetch-Site": {"cross-site"}},
		"of a subdomain": {"Origin": {"https://pages.127.0.0.1"}, "Sec-Fetch-Site": {"same-site"}},
		"of a sandbox":   {"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}},
		"an old browser": {"Origin": {evil}},
	} {
		for _, w := range writes {
			got := v.led(headers).ask(t, w.method, w.path, w.contentType, w.body)
			s.check(t, got.status == http.StatusForbidden, "%s: %s %s: %d %.200s", name, w.method, w.path, got.status, got.body)
		}
	}
	// A page of ours that could be made to send says so, but the API wants more.
	got := v.ask(t, http.MethodPatch, "/api/v1/rooms/1/", media, room)
	s.check(t, got.status == http.StatusForbidden, "without repeating the cookie: %d", got.status)

	abroad := v.led(http.Header{"Origin": {evil}, "Sec-Fetch-Site": {"cross-site"}})
	for _, path := range []string{"/api/v1/auth/user/", "/api/v1/organizations/", "/api/v1/rooms/1/", "/accounts/", "/admin/", "/accounts/export/"} {
		got := abroad.ask(t, http.MethodGet, path, "", "")
		s.check(t, got.header.Get("Access-Control-Allow-Credentials") == "", "%s may be read with the visitor's cookies", path)
		s.check(t, got.header.Get("Access-Control-Allow-Origin") != evil, "%s is given to %s by name", path, evil)
	}
	for _, method := range []string{http.MethodPatch, http.MethodDelete, http.MethodPost} {
		asking := v.led(http.Header{"Origin": {evil}, "Access-Control-Request-Method": {method}, "Access-Control-Request-Headers": {"x-csrftoken"}})
		got := asking.ask(t, http.MethodOptions, "/api/v1/rooms/1/", "", "")
		s.check(t, !strings.Contains(got.header.Get("Access-Control-Allow-Methods"), method), "%s is allowed from elsewhere", method)
	}

	for _, path := range []string{"/accounts/", "/accounts/delete/", "/accounts/sessions/", "/accounts/password/change/", "/api/v1/rooms/1/", "/api/v1/auth/user/"} {
		got := v.ask(t, http.MethodGet, path, "", "")
		s.check(t, got.status == http.StatusOK && got.header.Get("X-Frame-Options") == "DENY" && strings.Contains(got.header.Get("Content-Security-Policy"), "frame-ancestors 'none'"),
			"%s may be framed: %d", path, got.status)
	}
	for _, next := range []string{evil, "//evil.example", `/\evil.example`, "https:evil.example", "/\t/evil.example", "javascript:alert(1)", "\t//evil.example"} {
		got := v.ask(t, http.MethodGet, "/accounts/login/?next="+url.QueryEscape(next), "", "")
		location := got.header.Get("Location")
		s.check(t, strings.HasPrefix(location, "/") && !strings.Contains(location, "evil"), "led to %q", location)
	}

	if got := v.ask(t, http.MethodGet, "/api/v1/rooms/1/", "", ""); got.status != http.StatusOK || strings.Contains(string(got.body), "Evil") {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}
