package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // registers the format
	"image/png"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// superuser is the name of the superuser.
const superuser = "root"

// throughProxy makes connections to the proxy at an address, whatever the name of the
// host is.
func throughProxy(entry string) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(entry, port))
	}}
}

// browser keeps cookies, follows no redirects, and says where its requests come
// from, as browsers do.
type browser struct {
	http.Client
	site string // what it says of where the page is: same-origin, cross-site
}

func newBrowser(entry string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &browser{site: "same-origin", Client: http.Client{
		Jar: jar, Transport: throughProxy(entry), Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (b *browser) cookie(name string) string {
	for _, c := range b.Jar.Cookies(&url.URL{Scheme: "http", Host: domain, Path: "/"}) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// ask makes a request and returns the answer's body. Another status than want is an
// error.
func (b *browser) ask(ctx context.Context, method, path string, header http.Header, body io.Reader, want int) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+domain+path, body)
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

// post sends a form of ours.
func (b *browser) post(ctx context.Context, path string, form url.Values, want int) ([]byte, http.Header, error) {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"http://" + domain}}
	return b.ask(ctx, http.MethodPost, path, header, strings.NewReader(form.Encode()), want)
}

// logIn goes the way of a person: from the dashboard to the form, and back.
func (s *story) logIn(ctx context.Context) (err error) {
	if s.browser, err = newBrowser(s.entry); err != nil {
		return err
	}
	b := s.browser
	if _, _, err := b.ask(ctx, http.MethodGet, "/dashboard", nil, nil, http.StatusOK); err != nil {
		return err
	}
	form, _, err := b.ask(ctx, http.MethodGet, "/accounts/login/?next=%2Fdashboard", nil, nil, http.StatusOK)
	if err != nil {
		return err
	}
	if !bytes.Contains(form, []byte(`name="next" value="/dashboard"`)) {
		return fmt.Errorf("the form does not lead back: %s", form)
	}
	post := func(password string, want int) (http.Header, error) {
		form := url.Values{"login": {superuser}, "password": {password}, "next": {"/dashboard"}}
		_, answer, err := b.post(ctx, "/accounts/login/", form, want)
		return answer, err
	}
	if _, err := post("wrong", http.StatusUnprocessableEntity); err != nil {
		return err
	}
	b.site = "cross-site"
	if _, err := post(superuserPassword, http.StatusForbidden); err != nil {
		return fmt.Errorf("a form on another site: %w", err)
	}
	b.site = "same-origin"
	answer, err := post(superuserPassword, http.StatusSeeOther)
	if err != nil {
		return err
	}
	if to := answer.Get("Location"); to != "/dashboard" {
		return fmt.Errorf("logging in leads to %q", to)
	}
	if b.cookie("sessionid") == "" || b.cookie("csrftoken") == "" {
		return errors.New("logging in set no cookies")
	}
	for _, page := range []string{"/dashboard", "/admin/", "/accounts/"} {
		if _, _, err := b.ask(ctx, http.MethodGet, page, nil, nil, http.StatusOK); err != nil {
			return err
		}
	}
	if err := s.becomeOwner(ctx); err != nil {
		return err
	}
	return s.uploadPicture(ctx)
}

// becomeOwner makes the superuser an owner of the organization, in the admin pages:
// in the API he may do what he is a member for.
func (s *story) becomeOwner(ctx context.Context) error {
	id, err := s.sql(ctx, "SELECT id FROM user_account WHERE username = '"+superuser+"'")
	if err != nil {
		return err
	}
	form := url.Values{"organization_id": {"1"}, "user_id": {id}, "role": {"O"}}
	_, _, err = s.browser.post(ctx, "/admin/membership/add/", form, http.StatusSeeOther)
	return err
}

// installation is the address of what the first node measures.
const installation = "/api/v1/installations/9000/"

// uploadPicture gives an installation a picture, which anyone can see then.
func (s *story) uploadPicture(ctx context.Context) error {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("image", "room.png")
	if err == nil {
		err = png.Encode(part, image.NewNRGBA(image.Rect(0, 0, 320, 200)))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	header := http.Header{"Content-Type": {w.FormDataContentType()}}
	put := func(want int) ([]byte, error) {
		body, _, err := s.browser.ask(ctx, http.MethodPut, installation+"image/", header, bytes.NewReader(form.Bytes()), want)
		return body, err
	}
	if _, err := put(http.StatusForbidden); err != nil {
		return fmt.Errorf("without the CSRF value: %w", err)
	}
	header.Set("X-Csrftoken", s.browser.cookie("csrftoken"))
	body, err := put(http.StatusOK)
	if err != nil {
		return err
	}
	var document struct {
		Data struct{ Attributes struct{ Image string } }
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return fmt.Errorf("%w: %s", err, body)
	}
	s.picture = document.Data.Attributes.Image
	return s.seePicture(ctx)
}

// seePicture looks at the picture as anyone can, from each task of the server.
func (s *story) seePicture(ctx context.Context) error {
	anyone, err := newBrowser(s.entry)
	if err != nil {
		return err
	}
	for range 4 {
		body, _, err := anyone.ask(ctx, http.MethodGet, s.picture, nil, nil, http.StatusOK)
		if err != nil {
			return err
		}
		if config, _, err := image.DecodeConfig(bytes.NewReader(body)); err != nil || config.Width != 320 {
			return fmt.Errorf("GET %s: %w, width %d", s.picture, err, config.Width)
		}
		anyone.CloseIdleConnections()
	}
	return nil
}

// readSeries reads what the nodes measured as anyone can, and compares it with what
// they sent.
func (s *story) readSeries(ctx context.Context) error {
	anyone, err := newBrowser(s.entry)
	if err != nil {
		return err
	}
	number := 0
	for i, n := range s.nodes {
		want := map[int64]bool{}
		for key := range s.sent {
			if key.node == n.ID() {
				want[key.time] = true
			}
		}
		path := fmt.Sprintf("/api/v1/installations/%d/?include_timeseries=1&filter[from]=%d&filter[to]=%d",
			9000+i, s.from.AddDate(0, 0, -2).Unix(), time.Now().AddDate(0, 0, 7).Unix())
		body, _, err := anyone.ask(ctx, http.MethodGet, path, nil, nil, http.StatusOK)
		if err != nil {
			return err
		}
		got, err := seriesTimes(body)
		if err != nil {
			return err
		}
		for at := range want {
			if !got[at] {
				return fmt.Errorf("installation %d of node %s shows %d samples, and not that of %s",
					9000+i, n.ID(), len(got), time.Unix(at, 0).UTC())
			}
		}
		number += len(got)
	}
	if number == 0 {
		return errors.New("the public series are empty")
	}
	s.report("samples in public series", "%d", number)
	return nil
}

func seriesTimes(body []byte) (map[int64]bool, error) {
	var document struct {
		Data struct {
			Attributes struct {
				Timeseries []struct {
					Time int64 `json:"timestamp_s"`
				}
			}
		}
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, fmt.Errorf("%w: %.300s", err, body)
	}
	times := map[int64]bool{}
	for _, sample := range document.Data.Attributes.Timeseries {
		times[sample.Time] = true
	}
	return times, nil
}

// expandSchema does to the schema what versions to come may do while this one runs:
// every table gets another column, and the list of migrations one that this version
// does not know. Then this version is deployed once more, and has nothing to do.
func (s *story) expandSchema(ctx context.Context) error {
	_, err := s.sql(ctx, `
		DO $$ DECLARE t regclass; BEGIN
			SET LOCAL lock_timeout = '5s';
			FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
			LOOP EXECUTE format('ALTER TABLE %s ADD COLUMN of_tomorrow integer DEFAULT 1', t); END LOOP;
			INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true);
		END $$`)
	if err != nil {
		return err
	}
	return s.deployUnchanged(ctx)
}

// rotateDatabasePassword changes what all services log in to the database with. It
// restarts no database, and nobody notices. That the services log in with the new one
// shows when the database is killed.
func (s *story) rotateDatabasePassword(ctx context.Context) error {
	if err := s.startUplinks(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	database := func() (string, error) {
		return s.docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+stack+"_db")
	}
	before, err := database()
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: requesters}, Timeout: 10 * time.Second}
	asked := startRequests(context.WithoutCancel(ctx), func(ctx context.Context) error {
		return get(ctx, client, domain, proxy+apiPath)
	})
	begun := time.Now()
	_, err = s.tool(ctx, "rotate-secret.sh", "db_password")
	took := time.Since(begun)
	if err == nil {
		err = s.deployUnchanged(ctx)
	}
	n, failures, p99 := asked.stop()
	if err != nil {
		return err
	}
	s.report("rotation of the database's password", "%.0f s; HTTP requests %d, failed %d, p99 %d ms",
		took.Seconds(), n, len(failures), p99.Milliseconds())
	if len(failures) > 0 {
		return fmt.Errorf("%d of %d requests failed, the first: %s", len(failures), n, failures[0])
	}
	after, err := database()
	if err == nil && after != before {
		err = errors.New("the database was restarted")
	}
	return errors.Join(err, s.checkUplinks(ctx, "the rotation of the database's password"))
}
