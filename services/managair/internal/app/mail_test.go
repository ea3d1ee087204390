package app_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/logging/logtest"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/redistest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/app"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail/mailtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

const password = "Trompete-7-blau"

// world is managair as it runs, with its database and Redis: the server from the
// beginning, a worker when it is started.
type world struct {
	t         testing.TB
	env       config.Env
	base      string
	log       logtest.Text
	inspector *asynq.Inspector
	browser   *http.Client
}

func newWorld(t testing.TB, mail config.Env) *world {
	t.Helper()
	w := &world{t: t, env: config.Env{
		"DATABASE_URL": pgtest.RoleURL(t, schema.Managair, pgtest.URL(t)), "REDIS_URL": redistest.URL(t), "OPS_ADDRESS": "127.0.0.1:0",
		"MEDIA_FOLDER": t.TempDir(), "STOP_GRACE": "5s",
	}}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(mailtest.FreePort(t)))
	w.base = "http://" + address
	w.env["LISTEN_ADDRESS"], w.env["PUBLIC_URL"] = address, w.base
	maps.Copy(w.env, mail)
	opt, err := asynq.ParseRedisURI(w.env["REDIS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	w.inspector = asynq.NewInspector(opt)
	t.Cleanup(func() { _ = w.inspector.Close() })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.browser = &http.Client{Jar: jar}
	w.run(app.Serve)
	w.eventually("the server answers", func() bool {
		resp, err := w.browser.Get(w.base + "/accounts/signup/")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
	return w
}

// run runs a part of managair until the returned function is called, or the test ends.
func (w *world) run(part func(context.Context, *slog.Logger, config.Env) error) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- part(ctx, slog.New(slog.NewTextHandler(&w.log, nil)), w.env) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("ended with: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			w.t.Fatalf("not in a minute: %s\n%s", what, w.log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// post sends a form as a browser does and returns the page that follows.
func (w *world) post(path string, form url.Values) string {
	w.t.Helper()
	resp, err := w.browser.PostForm(w.base+path, form)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 400 {
		w.t.Fatalf("POST %s: %d, %v\n%s", path, resp.StatusCode, err, body)
	}
	return string(body)
}

func (w *world) signUp(name string) {
	w.t.Helper()
	w.post("/accounts/signup/", url.Values{
		"username": {name}, "email": {name + "@schule.example"}, "password1": {password}, "password2": {password},
	})
}

var link = regexp.MustCompile(`https?://\S+/accounts/\S+`)

// confirm follows the link of the mail and logs in.
func (w *world) confirm(name string, m mailtest.Mail) {
	w.t.Helper()
	address := link.FindString(m.Parts["text/plain"])
	path, ok := strings.CutPrefix(address, w.base)
	if !ok {
		w.t.Fatalf("the mail leads to %q, not to %s:\n%s", address, w.base, m.Parts["text/plain"])
	}
	w.post(path, url.Values{"x": {"1"}})
	page := w.post("/accounts/login/", url.Values{"login": {name}, "password": {password}, "next": {"/accounts/"}})
	if !strings.Contains(page, name) {
		w.t.Errorf("not logged in as %s:\n%s", name, page)
	}
}

func smtpSettings(s *mailtest.Server) config.Env {
	return config.Env{
		"EMAIL_HOST": s.Host, "EMAIL_PORT": strconv.Itoa(s.Port), "EMAIL_CA": s.CA,
		"EMAIL_HOST_USER": "clair", "EMAIL_HOST_PASSWORD": "geheim", "DEFAULT_FROM_EMAIL": "Clair <clair@schule.example>",
	}
}

// Signing up, in German and English: the form, the queue, the worker, the mail
// server, and the link.
func TestSignUpByMail(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{Security: "starttls", User: "clair", Password: "geheim", Mechanism: "PLAIN"})
	w := newWorld(t, smtpSettings(server))
	w.run(app.Work)
	w.signUp("vera")
	m := server.Wait(t)
	if m.To != "vera@schule.example" || !m.TLS || m.Subject() != "Bitte bestätigen Sie Ihre E-Mail-Adresse" {
		t.Errorf("mail to %s, over TLS %t: %s", m.To, m.TLS, m.Subject())
	}
	w.confirm("vera", m)

	w.browser.Transport = english{}
	w.browser.Jar, _ = cookiejar.New(nil)
	w.signUp("tom")
	m = server.Wait(t)
	if m.Subject() != "Please confirm your e-mail address" {
		t.Errorf("in English: %s", m.Subject())
	}
	w.confirm("tom", m)
}

// english asks for pages in English.
type english struct{}

// RoundTrip sends the request.
func (english) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Accept-Language", "en")
	return http.DefaultTransport.RoundTrip(r)
}

// While the mail server is away, mails wait, also over a restart of the worker;
// when it is back each arrives once.
func TestMailsWaitForTheirServer(t *testing.T) {
	t.Parallel()
	port := mailtest.FreePort(t)
	// Over TLS the certificate would have to be known before the server is.
	w := newWorld(t, config.Env{"EMAIL_HOST": "localhost", "EMAIL_PORT": strconv.Itoa(port), "EMAIL_SECURITY": "none"})
	stop := w.run(app.Work)
	w.signUp("vera")
	before := time.Now()
	failed := w.waiting("retry", w.inspector.ListRetryTasks)
	// The queue is no place for links into accounts: the task says which mail it is.
	if !regexp.MustCompile(`^\d+$`).Match(failed.Payload) {
		t.Errorf("the task says %q", failed.Payload)
	}
	if !strings.Contains(failed.LastErr, "connection refused") {
		t.Errorf("the queue says %q", failed.LastErr)
	}
	if failed.NextProcessAt.Before(before.Add(10*time.Second)) || failed.NextProcessAt.After(before.Add(5*time.Minute)) {
		t.Errorf("tried again at %s, now is %s", failed.NextProcessAt, before)
	}
	stop()
	server := mailtest.Start(t, mailtest.Options{Security: "none", Address: net.JoinHostPort("localhost", strconv.Itoa(port))})
	w.run(app.Work)
	// What an administrator does who does not want to wait.
	if err := w.inspector.RunTask(worker.Queue, failed.ID); err != nil {
		t.Log("its time had come meanwhile:", err)
	}
	first := server.Wait(t)
	w.confirm("vera", first)
	// A mail that comes later finds nothing else on the way.
	w.post("/accounts/password/reset/", url.Values{"email": {"vera@schule.example"}})
	second := server.Wait(t)
	if all := server.Mails(); len(all) != 2 || first.Header.Get("Message-Id") == second.Header.Get("Message-Id") {
		t.Errorf("%d mails arrived, want 2 different ones", len(all))
	}
}

// A mail that its server refuses for good is given up, and an administrator can
// see why, and try again.
func TestRefusedMailsAreShown(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{Security: "starttls", User: "clair", Password: "geheim", Mechanism: "LOGIN"})
	server.Refuse(550, "No such user here")
	w := newWorld(t, smtpSettings(server))
	w.run(app.Work)
	w.signUp("vera")
	refused := w.waiting("archived", w.inspector.ListArchivedTasks)
	if refused.Retried != 0 || server.Tries() != 1 || !strings.Contains(refused.LastErr, "No such user here") {
		t.Errorf("%d retries, %d tries, %q", refused.Retried, server.Tries(), refused.LastErr)
	}
	if text := w.log.String(); !strings.Contains(text, "task failed") || !strings.Contains(text, "No such user here") {
		t.Errorf("the log does not tell:\n%s", text)
	}

	server.Refuse(0, "")
	w.env["SUPERUSER_PASSWORD"] = password
	if err := app.Run(t.Context(), io.Discard, w.env, "createsuperuser", "--noinput", "--username=admin", "--email=admin@schule.example"); err != nil {
		t.Fatal(err)
	}
	w.post("/accounts/login/", url.Values{"login": {"admin"}, "password": {password}, "next": {"/admin/queues/"}})
	page := w.post("/admin/queues/", url.Values{"queue": {worker.Queue}, "id": {refused.ID}, "action": {"run"}})
	if !strings.Contains(page, "mail:deliver") && !strings.Contains(page, worker.Queue) {
		t.Errorf("page of the queues:\n%s", page)
	}
	w.confirm("vera", server.Wait(t))
}

// A mail that is written while Redis is away is sent when it is back, and what the
// version before has put into the queue is sent too.
func TestMailsSurviveWithoutTheQueue(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{Security: "starttls", User: "clair", Password: "geheim", Mechanism: "LOGIN"})
	w := newWorld(t, smtpSettings(server))
	pool, err := pgxpool.New(t.Context(), w.env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	// As if it had been written two minutes ago, and nobody had enqueued it.
	id, err := postgres.OutgoingMail{Pool: pool}.Put(t.Context(), mail.Message{ID: "x@y", To: "vera@schule.example", Subject: "waited", Text: "t", HTML: "h"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "UPDATE outgoing_mail SET written_at = now() - interval '2 minutes' WHERE id = $1", id); err != nil {
		t.Fatal(err)
	}
	w.run(app.Work)
	if m := server.Wait(t); m.Subject() != "waited" {
		t.Errorf("got %q", m.Subject())
	}
	w.eventually("the mail is forgotten", func() bool {
		_, err := postgres.OutgoingMail{Pool: pool}.Get(t.Context(), id)
		return fault.Is(err, fault.NotFound)
	})

	opt, err := asynq.ParseRedisURI(w.env["REDIS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	client := asynq.NewClient(opt)
	t.Cleanup(func() { _ = client.Close() })
	old := asynq.NewTask("mail:send", []byte(`{"id":"a@b","to":"tom@schule.example","subject":"of the old version","text":"t","html":"h"}`))
	if _, err := client.EnqueueContext(t.Context(), old, asynq.Queue(worker.Queue)); err != nil {
		t.Fatal(err)
	}
	if m := server.Wait(t); m.Subject() != "of the old version" {
		t.Errorf("got %q", m.Subject())
	}
}

// waiting waits for a mail task in a state.
func (w *world) waiting(state string, list func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error)) *asynq.TaskInfo {
	w.t.Helper()
	var found *asynq.TaskInfo
	w.eventually("a mail task is in state "+state, func() bool {
		tasks, err := list(worker.Queue)
		if err != nil {
			return false // before its first task there is no queue
		}
		for _, task := range tasks {
			if task.Type == "mail:deliver" {
				found = task
			}
		}
		return found != nil
	})
	return found
}

func TestSendTestEmail(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{Security: "tls", User: "clair", Password: "geheim", Mechanism: "LOGIN"})
	env := smtpSettings(server)
	env["EMAIL_SECURITY"], env["DATABASE_URL"] = "tls", pgtest.URL(t)
	var out strings.Builder
	if err := app.Run(t.Context(), &out, env, "sendtestemail", "vera@schule.example"); err != nil {
		t.Fatal(err)
	}
	m := server.Wait(t)
	if m.To != "vera@schule.example" || m.Header.Get("Message-Id") == "" || !strings.Contains(m.Parts["text/plain"], "sendtestemail") {
		t.Errorf("%+v", m)
	}
	if want := "sent to vera@schule.example\n"; out.String() != want {
		t.Errorf("says %q, want %q", out.String(), want)
	}
	env["EMAIL_HOST_PASSWORD"] = "falsch"
	err := app.Run(t.Context(), io.Discard, env, "sendtestemail", "vera@schule.example")
	if err == nil || !strings.Contains(fault.Describe(err), "535") {
		t.Errorf("with a wrong password: %v", err)
	}
}
