package visitor

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
)

// Browser keeps cookies, follows no redirects, and says where its requests come
// from, as browsers do.
type Browser struct {
	http.Client
	site string // what it says of where the page is: same-origin, cross-site
}

// NewBrowser returns a browser without cookies that comes to the proxy at an address.
func NewBrowser(entry string) (*Browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &Browser{site: "same-origin", Client: http.Client{
		Jar: jar, Transport: ThroughProxy(entry), Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (b *Browser) cookie(name string) string {
	for _, c := range b.Jar.Cookies(&url.URL{Scheme: "http", Host: stack.Domain, Path: "/"}) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Ask makes a request and returns the answer's body. Another status than want is an
// error.
func (b *Browser) Ask(ctx context.Context, method, path string, header http.Header, body io.Reader, want int) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+stack.Domain+path, body)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(req.Header, header)
	if method != http.MethodGet {
		req.Header.Set("Sec-Fetch-Site", b.site)
	}
	resp, err := b.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s %s: %s, want %d: %.300s", method, path, resp.Status, want, got)
	}
	return got, resp.Header, err
}

// See asks for a page, which must be there.
func (b *Browser) See(ctx context.Context, path string) ([]byte, error) {
	body, _, err := b.Ask(ctx, http.MethodGet, path, nil, nil, http.StatusOK)
	return body, err
}

// Post sends a form of ours.
func (b *Browser) Post(ctx context.Context, path string, form url.Values, want int) (http.Header, error) {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"http://" + stack.Domain}}
	_, answer, err := b.Ask(ctx, http.MethodPost, path, header, strings.NewReader(form.Encode()), want)
	return answer, err
}

// LogIn sends the form for logging in, which must lead on to a page.
func (b *Browser) LogIn(ctx context.Context, user, password, next string) error {
	answer, err := b.Post(ctx, "/accounts/login/", url.Values{"login": {user}, "password": {password}, "next": {next}}, http.StatusSeeOther)
	if err == nil && answer.Get("Location") != next {
		err = fmt.Errorf("logging in leads to %q", answer.Get("Location"))
	}
	return err
}
