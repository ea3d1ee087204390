package djangotest

import (
	"embed"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
)

//go:embed project
var project embed.FS

// Project is a real Django project with the predecessor's models and applications,
// on a database of its own.
type Project struct {
	URL string // of the database

	python, folder, database string
}

// NewProject returns a project whose tables Django has made. Without Django the
// test skips; with CLAIR_TEST_REQUIRE set it fails.
func NewProject(t testing.TB) *Project {
	t.Helper()
	p := &Project{python: findPython(t), URL: pgtest.Empty(t), folder: filepath.Join(t.TempDir(), "django")}
	if err := os.CopyFS(p.folder, project); err != nil {
		t.Fatal(err)
	}
	p.folder = filepath.Join(p.folder, "project")
	address, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := address.User.Password()
	host := address.Hostname()
	if host == "" { // a socket
		host = address.Query().Get("host")
	}
	database, err := json.Marshal(map[string]string{
		"NAME": strings.TrimPrefix(address.Path, "/"), "USER": address.User.Username(), "PASSWORD": password,
		"HOST": host, "PORT": address.Port(),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.database = string(database)
	p.Manage(t, "makemigrations", "--verbosity=0", "core")
	p.Manage(t, "migrate", "--verbosity=0")
	return p
}

// Manage runs one of Django's management commands and returns what it prints.
func (p *Project) Manage(t testing.TB, args ...string) string {
	t.Helper()
	return p.run(t, append([]string{"manage.py"}, args...)...)
}

// Python runs a program in the project and returns what it prints.
func (p *Project) Python(t testing.TB, program string) string {
	t.Helper()
	return p.run(t, "-c", "import manage, django\ndjango.setup()\n"+program)
}

func (p *Project) run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.python, append([]string{"-W", "ignore"}, args...)...)
	cmd.Dir = p.folder
	cmd.Env = []string{"DATABASE=" + p.database, "LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("django: %v\n%s", err, complaints.String())
	}
	return string(out)
}

// findPython returns a Python that has what the project needs: Debian's, or the first in
// the path.
func findPython(t testing.TB) string {
	t.Helper()
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import django, allauth, rest_framework, psycopg2, argon2").Run() == nil {
			return python
		}
	}
	const how = "no Python with Django, allauth, Django REST framework, psycopg2 and argon2; " +
		"tools/install-deps.sh test installs it on Debian"
	if os.Getenv("CLAIR_TEST_REQUIRE") != "" {
		t.Fatal(how)
	}
	t.Skip(how)
	return ""
}
