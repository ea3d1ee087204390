package app_test

import (
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// What an operator's commands say and how they end, in the order of a new stack's life.
func TestManagementCommands(t *testing.T) {
	t.Parallel()
	owner := pgtest.URL(t)
	asOwner := []string{"DATABASE_URL=" + owner}
	env := []string{"DATABASE_URL=" + pgtest.RoleURL(t, schema.Managair, owner)}
	const warning = "warning: managair logs in as the owner"
	const secret = "SUPERUSER_PASSWORD=Trompete-7-blau"
	for _, step := range []struct {
		name  string
		env   []string
		stdin string
		args  []string
		code  int
		says  string // on standard output or error
	}{
		{"schema is current", asOwner, "", []string{"migrate"}, 0, "nothing to apply\nadded quantity CO2"},
		{"role that is no owner", nil, "", []string{"migrate"}, 1, "permission denied"},
		{"role that is too mighty", asOwner, "", []string{"check"}, 1, warning},
		{"nobody to administer", nil, "", []string{"check"}, 1, "there is no active superuser"},
		{"no name", []string{secret}, "", []string{"createsuperuser", "--noinput"}, 1, "no name: give --username"},
		{"no password", nil, "", []string{"createsuperuser", "--noinput", "--username=chef", "--email=c@example.com"}, 1, "password"},
		{"superuser", []string{secret}, "", []string{"createsuperuser", "--noinput", "--username=chef", "--email=c@example.com"}, 0, "superuser chef created"},
		{"the predecessor's variables", []string{"DJANGO_SUPERUSER_USERNAME=old", "DJANGO_SUPERUSER_EMAIL=o@example.com", "DJANGO_" + secret}, "", []string{"createsuperuser", "--noinput"}, 0, "superuser old created"},
		{"name in other case", []string{secret}, "", []string{"createsuperuser", "--noinput", "--username=CHEF", "--email=d@example.com"}, 1, "username: This is in use already"},
		{"password", nil, "Posaune-8-rot\n", []string{"changepassword", "chef"}, 0, "password of chef changed"},
		{"no new password", nil, "", []string{"changepassword", "chef"}, 1, "no password on standard input"},
		{"password of nobody", nil, "x\n", []string{"changepassword", "niemand"}, 1, `there is no user "niemand"`},
		{"organization", nil, "", []string{"create-organization", " Schule ", "--owner=chef"}, 0, "created, owner chef"},
		{"organization twice", nil, "", []string{"create-organization", "Schule", "--owner=chef"}, 1, "name: This is in use already"},
		{"organization of nobody", nil, "", []string{"create-organization", "Haus", "--owner=niemand"}, 1, `there is no user "niemand"`},
		{"organization without owner", nil, "", []string{"create-organization", "Haus"}, 1, `"owner" not set`},
		{"fixture", nil, `[{"model": "core.quantity", "pk": 7, "fields": {"quantity": "CO2", "base_unit": "ppm"}}]`, []string{"loaddata", "-"}, 0, "core.quantity  1 read  1 written"},
		{"fixture by lines", nil, `{"model": "core.quantity", "pk": 8, "fields": {"quantity": "T", "base_unit": "C"}}` + "\n", []string{"loaddata", "--format=jsonl", "-"}, 0, "core.quantity  1 read  1 written"},
		{"fixture with a row that refers to nothing", nil, `[{"model": "core.site", "pk": 7, "fields": {"name": "S", "address": 4711, "operator": 1}}]`, []string{"loaddata", "-"}, 1, "core.site 7: address: There is no such thing"},
		{"no fixture", nil, `[{"model": "core.site"`, []string{"loaddata", "-"}, 1, "unexpected EOF"},
		{"no file", nil, "", []string{"loaddata", "/nowhere.json"}, 1, "/nowhere.json"},
		{"unknown format", nil, "", []string{"loaddata", "--format=xml", "-"}, 1, "there are json and jsonl"},
		{"dump", nil, "", []string{"dumpdata", "core.quantity"}, 0, `{"model": "core.quantity", "pk": 8, `},
		{"dump of nothing known", nil, "", []string{"dumpdata", "core.nonsense"}, 1, "no such model"},
		{"clean up", nil, "", []string{"clearsessions"}, 0, "0 deleted"},
		{"mail without a server", nil, "", []string{"sendtestemail", "a@example.com"}, 0, "EMAIL_HOST is not set"},
		{"unknown command", nil, "", []string{"runserver"}, 1, `unknown command "runserver"`},
		{"help", nil, "", []string{"help", "loaddata"}, 0, "--repair"},
		{"no database", []string{"DATABASE_URL=postgres://x:geheim@127.0.0.1:1/x"}, "", []string{"showmigrations"}, 1, "connection refused"},
	} {
		p := startWith(t, strings.NewReader(step.stdin), append(env[:1:1], step.env...), step.args...)
		code := p.ended()
		says := p.stdout.String() + p.stderr.String()
		if code != step.code || !strings.Contains(strings.Join(strings.Fields(says), " "), strings.Join(strings.Fields(step.says), " ")) {
			t.Errorf("%s: exit code %d, want %d and %q in:\n%s", step.name, code, step.code, step.says, says)
		}
		if code != 0 && p.stderr.Len() == 0 {
			t.Errorf("%s: nothing on standard error", step.name)
		}
		if strings.Contains(says, warning) && step.says != warning {
			t.Errorf("%s: there is no reason to warn of the owner:\n%s", step.name, says)
		}
		if strings.Contains(says, "geheim") {
			t.Errorf("%s tells the password", step.name)
		}
	}
}
