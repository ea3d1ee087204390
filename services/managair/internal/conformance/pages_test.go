package conformance_test

import (
	"fmt"
	"html"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/admin"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
)

// pages are the admin pages as the administrator's browser has them.
type pages struct {
	handler http.Handler
	cookie  *http.Cookie
}

func (w *world) pages(t *testing.T) pages {
	t.Helper()
	accounts := identity.NewAccounts(postgres.NewIdentity(w.pool), identitytest.Hasher(), nil, identitytest.Limits(t), time.Now)
	secret, _, err := accounts.StartSession(t.Context(), caller.UserID, identity.Client{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	site := &admin.Admin{Store: postgres.Backoffice{Pool: w.as}, Log: log}
	return pages{
		session.NewAuthenticator(accounts, log, "", nil).Middleware(site.Handler()),
		&http.Cookie{Name: "sessionid", Value: secret},
	}
}

// post sends a form. The answer is the code, if the page refuses it in the words for
// that code; else it tells what came instead.
func (p pages) post(t *testing.T, path string, form url.Values, why reason.Reason) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://h/admin/"+path, strings.NewReader(form.Encode())).WithContext(t.Context())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Language", "en")
	r.AddCookie(p.cookie)
	answer := httptest.NewRecorder()
	p.handler.ServeHTTP(answer, r)
	says, _, _ := strings.Cut(why.In("en"), ".") // before the figures, which the rules know
	body := html.UnescapeString(answer.Body.String())
	if answer.Code < 400 || answer.Code >= 500 || says == "" || !strings.Contains(body, says) {
		_, alert, _ := strings.Cut(body, `role="alert"`)
		return fmt.Sprintf("%d to %q: %.300s", answer.Code, answer.Header().Get("Location"), alert)
	}
	return why.Code()
}

// form puts values where a form of the admin pages has them, beside what it is filled in
// with; in a row of its own if there is a prefix.
func form(kind string, v values, prefix string) url.Values {
	f := url.Values{}
	for _, field := range kinds[kind].fields {
		text, ok := v[field.Name]
		_, moment := field.Rule.(inventory.Moment)
		switch {
		case !ok && field.Default != "":
			f.Set(prefix+field.In(), field.Default)
		case !ok:
		case moment:
			f.Set(prefix+field.In(), clock(text))
		default:
			f.Set(prefix+field.In(), text)
		}
	}
	return f
}

// parents are things in whose forms others are rows, with what their forms hold.
var parents = []struct {
	kind, id string
	values   values
}{
	{"organization", "2", values{"name": "Fremd"}},
	{"site", "1", values{"name": "Schule", "operator": "1", "address": "1"}},
	{"node", node2, values{"eui64": "9876B60000000002", "alias": "Zwei", "protocol": "1", "model": "1", "owner": "1"}},
}

// inline returns the form of a parent with a new row of a kind, and where it is sent to;
// ok is false if no row has the field.
func inline(kind, field string, v values) (path string, f url.Values, ok bool) {
	for _, parent := range parents {
		s, _ := backoffice.Find(parent.kind)
		for n, in := range s.Inlines {
			of := subject(in.Subject)
			if in.Subject != kind || !slices.ContainsFunc(in.Fields, func(name string) bool { return name == column(kind, field) }) {
				continue
			}
			prefix := fmt.Sprintf("i%d.new.", n)
			f = form(parent.kind, parent.values, "")
			maps.Copy(f, form(of.Name, v, prefix))
			f.Set(prefix+"here", "1")
			return parent.kind + "/" + parent.id + "/", f, true
		}
	}
	return "", nil, false
}

func column(kind, field string) string {
	for _, f := range kinds[kind].fields {
		if f.Name == field {
			return f.In()
		}
	}
	return ""
}

// The admin pages themselves, as browsers send their forms.
func TestThePagesRefuseTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.pages(t)
	inlines := 0
	for _, row := range broken {
		of := kinds[row.kind]
		got := map[string]string{}
		if !slices.Contains(row.not, "create") {
			wrong := maps.Clone(of.good)
			wrong[row.field] = row.value
			got["add"] = p.post(t, row.kind+"/add/", form(row.kind, wrong, ""), row.why)
			if path, f, ok := inline(row.kind, row.field, wrong); ok {
				got["inline"] = p.post(t, path, f, row.why)
				inlines++
			}
		}
		if !slices.Contains(row.not, "change") {
			got["edit"] = p.post(t, row.kind+"/"+of.pk+"/", form(row.kind, row.existing(), ""), row.why)
		}
		for _, door := range slices.Sorted(maps.Keys(got)) {
			if got[door] != row.why.Code() {
				t.Errorf("%s.%s = %.60q by %s: %s, want %s", row.kind, row.field, row.value, door, got[door], row.why.Code())
			}
		}
	}
	if inlines < 5 {
		t.Errorf("%d rows of other forms are tried", inlines)
	}
}

// The last OWNER does not go by any button of the admin pages.
func TestTheLastOwnerStaysOnThePages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.pages(t)
	row := form("organization", values{"name": "Fremd"}, "")
	row.Set("i0.2.here", "1")
	row.Set("i0.2.delete", "on")
	for path, f := range map[string]url.Values{
		"organization/2/": row,
		"membership/":     {"id": {"2"}, "action": {"delete"}, "sure": {"1"}},
	} {
		if got := p.post(t, path, f, reason.LastOwner); got != "last_owner" {
			t.Errorf("%s: %s", path, got)
		}
	}
	var left int
	if err := w.pool.QueryRow(t.Context(), "SELECT count(*) FROM membership WHERE organization_id = 2").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d members are left, %v", left, err)
	}
}
