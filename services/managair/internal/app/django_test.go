package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving/djangotest"
)

// The predecessor's users and their passwords.
var oldPasswords = map[string]string{
	"admin": "admin", "tomTester": "test", "veraVersuch": "versuch", "horstHilfsarbeiter": "horst",
	"annaAngestellte": "anna", "ingoInspekteur": "ingo", "priskaPrueferin": "priska",
	"django": "Trompete-7-blau", // made by this Django
}

// rows are the objects of a fixture by model and key, which for samples is node and time.
type rows map[string]map[string]any

// There and back again: a real Django project with the predecessor's fixtures is moved
// over, people log in, and what we dump is loaded into another, empty one.
func TestDjangoThereAndBack(t *testing.T) {
	t.Parallel()
	old := djangotest.NewProject(t)
	fixtures, err := filepath.Abs(filepath.Join("..", "..", "testdata", "fixtures"))
	if err != nil {
		t.Fatal(err)
	}
	// The numbers of permissions depend on the applications that there are.
	old.Manage(t, "loaddata", "--exclude=auth.permission", filepath.Join(fixtures, "user-fixtures.json"),
		filepath.Join(fixtures, "inventory-fixtures.json"), filepath.Join(fixtures, "data-fixtures.json"))
	token := strings.TrimSpace(old.Python(t, `
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
user = User.objects.create_user("django", "d@django.example", "Trompete-7-blau", first_name="Ä", last_name="Ö")
EmailAddress.objects.create(user=user, email="d@django.example", verified=True, primary=True)
User.objects.create_user("nobody")
print(Token.objects.create(user=User.objects.get(username="tomTester")).key)
`))
	source := dumped(t, old)

	here := pgtest.URL(t)
	env := []string{"DATABASE_URL=" + pgtest.RoleURL(t, schema.Managair, here), "IMPORT_DSN=" + old.URL}
	report := managair(t, env, "import-django")
	for _, want := range []string{
		`auth\.user +9 read +9 (written|stored)`, `core\.sample +3855 read +3855 stored +0 duplicate`, `, 0 differ`,
	} {
		if !regexp.MustCompile(want).MatchString(report) {
			t.Errorf("no %q in the report:\n%s", want, report)
		}
	}
	wantSame(t, "moved over", aligned(source), aligned(load(t, managair(t, env, "dumpdata"))))

	pool, err := pgxpool.New(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	accounts := identity.NewAccounts(postgres.NewIdentity(pool), identity.NewHasher(), nil, identitytest.Limits(t), time.Now)
	for name, password := range oldPasswords {
		if name == "priskaPrueferin" {
			continue // stays away, so that its hash stays Django's
		}
		if _, err := accounts.CheckPassword(t.Context(), name, password, identity.Client{}); err != nil {
			t.Errorf("%s cannot log in with the old password: %v", name, err)
		}
	}
	if _, user, err := accounts.TokenUser(t.Context(), token); err != nil || user.Username != "tomTester" {
		t.Errorf("Django's token is that of %q: %v", user.Username, err)
	}

	// JSONL is what large databases need, since Django reads it line by line.
	back := filepath.Join(t.TempDir(), "back.jsonl")
	managair(t, env, "dumpdata", "--format=jsonl", "--output", back)
	again := djangotest.NewProject(t)
	again.Manage(t, "loaddata", back)
	wantSame(t, "back again", aligned(source), aligned(dumped(t, again)))

	// Django takes all passwords, also those that are hashed in our way now if it has the
	// library, hashes them in its way again, and goes on with numbers that are free.
	passwords, err := json.Marshal(oldPasswords)
	if err != nil {
		t.Fatal(err)
	}
	said := again.Python(t, fmt.Sprintf(`
import json
import sys
from core.models import Organization, Sample
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
argon2 = User.objects.get(username="horstHilfsarbeiter").password
for name, password in json.loads(%[1]q).items():
    kind = User.objects.get(username=name).password.partition("$")[0]
    print(name, kind, authenticate(username=name, password=password) is not None,
          authenticate(username=name, password=password + "x") is not None)
print("nobody", User.objects.get(username="nobody").has_usable_password())
print({user.password.partition("$")[0] for user in User.objects.filter(username__in=json.loads(%[1]q))})
# The predecessor's image may lack the library.
sys.modules["argon2"] = None
try:
    check_password("horst", argon2)
except ValueError as error:
    print(error)
Organization.objects.create(name="New")
Sample.objects.create(node_id=Sample.objects.first().node_id, timestamp_s=1, co2_ppm=400)
`, passwords))
	for name := range oldPasswords {
		kind := "argon2"
		if name == "priskaPrueferin" {
			kind = "pbkdf2_sha256"
		}
		if want := fmt.Sprintf("%s %s True False\n", name, kind); !strings.Contains(said, want) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
	for _, want := range []string{"nobody False\n", "{'pbkdf2_sha256'}\n", "Couldn't load 'Argon2PasswordHasher'"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
}

// managair runs a command, which must succeed, and returns what it prints.
func managair(t *testing.T, env []string, args ...string) string {
	t.Helper()
	p := start(t, env, args...)
	if code := p.ended(); code != 0 {
		t.Fatalf("managair %v: exit code %d\n%s%s", args, code, p.stdout.String(), p.stderr.String())
	}
	return p.stdout.String()
}

// dumped is what Django itself dumps of what is moved over.
func dumped(t *testing.T, p *djangotest.Project) rows {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dump.json")
	p.Manage(t, "dumpdata", "--output", file, "auth.user", "account.emailaddress", "core")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return load(t, string(content))
}

func load(t *testing.T, content string) rows {
	t.Helper()
	var objects []struct {
		Model  string
		PK     any
		Fields map[string]any
	}
	if err := json.Unmarshal([]byte(content), &objects); err != nil {
		t.Fatal(err)
	}
	all := rows{}
	for _, o := range objects {
		key := fmt.Sprint(o.Model, " ", o.PK)
		if o.Model == "core.sample" {
			key = fmt.Sprint(o.Model, " ", o.Fields["node"], " ", o.Fields["timestamp_s"])
		}
		all[key] = o.Fields
	}
	if len(all) != len(objects) {
		t.Fatalf("%d objects have %d keys", len(objects), len(all))
	}
	return all
}

// aligned leaves out what is different on purpose, as docs/migration.md says.
func aligned(all rows) rows {
	for key, fields := range all {
		model, _, _ := strings.Cut(key, " ")
		switch model {
		case "auth.user":
			delete(fields, "groups")
			delete(fields, "user_permissions")
			delete(fields, "last_login")
			delete(fields, "password") // each is tried
			joined, err := time.Parse(time.RFC3339, fmt.Sprint(fields["date_joined"]))
			if err == nil { // Django writes milliseconds only
				fields["date_joined"] = joined.UTC().Truncate(time.Millisecond)
			}
		case "core.node":
			fields["eui64"] = strings.ToUpper(fmt.Sprint(fields["eui64"]))
		}
	}
	return all
}

func wantSame(t *testing.T, when string, want, got rows) {
	t.Helper()
	if len(want) < 3855+50 {
		t.Fatalf("only %d rows to compare", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		if len(diff) > 5000 {
			diff = diff[:5000] + "…"
		}
		t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}
