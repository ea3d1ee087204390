package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/inventory"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

// The people of the house that is attacked.
const (
	mallory  = "mallory" // a member of it
	password = "Trompete-7-blau"
	devEUI   = lorawan.EUI64(0x02C1A1FA00000001)
)

// house is an organization with a room, a node, and a public installation of it.
func house() *inventory.Organization {
	return &inventory.Organization{
		Name: "School",
		Members: []inventory.User{
			{Username: mallory, Email: "mallory@evil.example", Password: password, Role: "O"},
			{Username: "olga", Email: "olga@school.example", Password: password, Role: "O"},
		},
		Sites: []inventory.Site{{Name: "House", Street: "Street 1", Zip: "12345", City: "Berlin", Rooms: []inventory.Room{{
			Name: "Class 1", SizeSqm: 60, HeightM: 3, MaxOccupancy: 30,
			Nodes: []inventory.Node{{DevEUI: devEUI, Protocol: "CLAIRCHEN", Model: inventory.Clairchen, Alias: "C1", From: time.Unix(1_600_000_000, 0), Public: true}},
		}}}},
	}
}

// score counts what was tried and what was held, and prints it in the end.
type score struct{ tried, held int }

func newScore(t *testing.T, attacker string) *score {
	t.Helper()
	s := &score{}
	t.Cleanup(func() { t.Logf("%s: %d attacks tried, %d held", attacker, s.tried, s.held) })
	return s
}

// check counts an attack, which was held if ok.
func (s *score) check(t *testing.T, ok bool, format string, args ...any) {
	t.Helper()
	s.tried++
	if ok {
		s.held++
		return
	}
	t.Errorf(format, args...)
}

// client is somebody at the doors of managair.
type client struct {
	stack *stacktest.Stack
	token string
	from  string // address that the proxy says they have
	more  http.Header
}

// answer is what a client was told.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request. An error (the connection was cut) is status 0.
func (c client) do(ctx context.Context, method, path, contentType string, body io.Reader) answer {
	req, err := http.NewRequestWithContext(ctx, method, c.stack.URL()+path, body)
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Token "+c.token)
	}
	if c.from != "" {
		req.Header.Set("X-Forwarded-For", c.from)
	}
	maps.Copy(req.Header, c.more)
	return answerTo(http.DefaultClient, req)
}

// answerTo sends a request. An error (the connection was cut) is status 0.
func answerTo(by *http.Client, req *http.Request) answer {
	resp, err := by.Do(req)
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	return answer{resp.StatusCode, resp.Header, content}
}

// tryLogIn tells the API a name and a password.
func (c client) tryLogIn(ctx context.Context, username, password string) answer {
	body := fmt.Sprintf(`{"data":{"type":"LoginView","attributes":{"username":%q,"password":%q}}}`, username, password)
	return c.do(ctx, http.MethodPost, "/api/v1/auth/login/", "application/vnd.api+json", bytes.NewReader([]byte(body)))
}

// logIn returns a client with a token of the user.
func logIn(t *testing.T, s *stacktest.Stack, username string) client {
	t.Helper()
	got := client{stack: s}.tryLogIn(t.Context(), username, password)
	var doc struct {
		Data struct{ Attributes struct{ Key string } }
	}
	if err := json.Unmarshal(got.body, &doc); err != nil || doc.Data.Attributes.Key == "" {
		t.Fatalf("log in as %s: %d %s", username, got.status, got.body)
	}
	return client{stack: s, token: doc.Data.Attributes.Key}
}

// idIn returns the id of the first thing in an answer.
func idIn(t *testing.T, a answer) string {
	t.Helper()
	var doc struct{ Data []struct{ ID string } }
	if err := json.Unmarshal(a.body, &doc); err != nil || len(doc.Data) == 0 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return doc.Data[0].ID
}

// env sets variables of the stack.
func env(variables ...string) func(*stack.Options) {
	return func(o *stack.Options) { o.Env = append(o.Env, variables...) }
}

// upload puts a picture to an installation.
func (c client) upload(ctx context.Context, installation int64, picture []byte) answer {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("image", "room.png")
	if err == nil {
		_, err = part.Write(picture)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	return c.do(ctx, http.MethodPut, fmt.Sprintf("/api/v1/installations/%d/image/", installation), form.FormDataContentType(), &body)
}
