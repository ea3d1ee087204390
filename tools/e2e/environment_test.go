package main

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// readEnvironment lets the tools' own reader read a file, and returns the variables that
// it sets, or what it complains of.
func readEnvironment(t testing.TB, script, file string) (set map[string]string, complaint string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script+`
env -0 >&3`, "tool", file)
	cmd.Dir = "../.."
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/home/operator", "E2E_CONTEXT=node", "CLAIR_SECRETS=secrets", "LC_ALL=C.UTF-8"}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	told, err := os.Create(filepath.Join(t.TempDir(), "environment"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = told.Close() }()
	cmd.ExtraFiles = []*os.File{told}
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Fatalf("%v: %s", err, said.String())
		}
		return nil, strings.TrimSpace(said.String())
	}
	if said.Len() > 0 {
		t.Errorf("it said: %s", said.String())
	}
	content, err := os.ReadFile(told.Name())
	if err != nil {
		t.Fatal(err)
	}
	set = map[string]string{}
	for one := range strings.SplitSeq(string(content), "\x00") {
		if name, value, ok := strings.Cut(one, "="); ok && name != "_" && name != "SHLVL" && name != "PWD" {
			set[name] = value
		}
	}
	return set, ""
}

const (
	ours = `
fail() { shift; echo "$*" >&2; exit 2; }
. tools/lib/environment.sh
read_environment "$1"`
	// What the tools did before.
	asShell = `
set -a
. "$1"`
)

// The environment files that there are mean what they meant when a shell ran them.
func TestEnvironmentFilesMeanWhatTheyMeant(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../environments/*.env")
	if err != nil || len(files) == 0 {
		t.Fatalf("no environments: %v", err)
	}
	own, err := filepath.Glob("*.env")
	if err != nil || len(own) == 0 {
		t.Fatalf("no environments of the tests: %v", err)
	}
	for _, file := range slices.Concat(files, own) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			path, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := readEnvironment(t, asShell, path)
			got, complaint := readEnvironment(t, ours, path)
			if complaint != "" || !maps.Equal(want, got) {
				t.Errorf("got %v %s, want %v", got, complaint, want)
			}
		})
	}
}

func TestEnvironmentFilesAreReadAndNotRun(t *testing.T) {
	t.Parallel()
	const line2 = "FILE, line 2: "
	const plain = "what is meant as it is stands in single quotes"
	for _, c := range []struct{ name, text, value, complaint string }{
		{"blanks", "V=Clair <a@example.org>", "Clair <a@example.org>", ""},
		{"as another editor writes it", "\ufeffV=a b\r\n", "a b", ""},
		{"no newline at the end", "V=a", "a", ""},
		{"arguments", "V=-c compose/docker-compose.yml -c b.yml", "-c compose/docker-compose.yml -c b.yml", ""},
		{"single quotes", "V='a$b `c` #d'", "a$b `c` #d", ""},
		{"double quotes", `V="a \"b\" \$c \d"`, `a "b" $c \d`, ""},
		{"a comment behind", "V=a # b", "a", ""},
		{"no comment", "V=a#b", "a#b", ""},
		{"blanks behind", "V=a \t ", "a", ""},
		{"blanks that are meant", "V=' a '", " a ", ""},
		{"a variable", "A=x\nV=$A-${A}", "x-x", ""},
		{"a default", "V=${A:-x y}", "x y", ""},
		{"a backslash", `V=a\$b`, "a$b", ""},
		{"a lone dollar", "V=5$", "5$", ""},
		{"home", "V=~/clair", "/home/operator/clair", ""},
		{"a mark", "V=#alerts", "#alerts", ""},
		{"a comment instead", "V= # none", "", ""},
		{"a line that goes on", "V=a \\\r\n  b\r\nA=c", "a   b", ""},
		{"another character set", "# Gr\xfc\xdfe\nV='Gr\xfc\xdfe'", "Gr\xfc\xdfe", ""},
		{"a command behind", "\nV=a; touch b && c", "", line2 + "one line sets one variable; " + plain},
		{"two settings", "\nA=1 V=2", "", line2 + "one line sets one variable; " + plain},
		{"two with a command's name", "V=-c a --x=b", "-c a --x=b", ""},
		{"a list", "\nV=(a b)", "", line2 + "there are no lists here; " + plain},
		{"a shell's text", "\nV=$'a'", "", line2 + "nothing is run here; " + plain},
		{"a default that is no text", "\nV=${A:-${B}}", "", line2 + "after the $ stands {NAME}, or {NAME:-DEFAULT} with a default of plain text; " + plain},
		{"a default with a command", "\nV=${A:-$(id)}", "", line2 + "after the $ stands {NAME}, or {NAME:-DEFAULT} with a default of plain text; " + plain},
		{"a name of the shell's", "\nUID=5", "", line2 + "UID cannot be set"},
		{"a name of the reader's", "\nV=a$name$rest", "", line2 + "there is no variable 'name'; " + plain},
		{"blanks before", "\nV = a", "", line2 + "no blanks beside the first '=': write NAME=VALUE"},
		{"no name", "\nrm -rf x", "", line2 + "'rm -rf x' is not NAME=VALUE"},
		{"an open quote", "\nV=\"a", "", line2 + "a double quote is not closed"},
		{"a command", "\nV=$(id)", "", line2 + "nothing is run here; " + plain},
		{"an old command", "\nV=`id`", "", line2 + "nothing is run here; " + plain},
		{"a password", "\nV=pa$word", "", line2 + "there is no variable 'word'; " + plain},
		{"what is missing", "\nV=${A:?name a node}", "", line2 + "A is not set: name a node"},
		{"no such file", "\n. elsewhere.env", "", line2 + "there is no file 'elsewhere.env'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "test.env")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			set, complaint := readEnvironment(t, ours, file)
			if complaint = strings.ReplaceAll(complaint, file, "FILE"); complaint != c.complaint || set["V"] != c.value {
				t.Errorf("got %q %q, want %q %q", set["V"], complaint, c.value, c.complaint)
			}
		})
	}
}

// A slip of the pen in a name leaves a setting as it was: whoever deploys is told.
func TestVariablesThatNothingReadsAreTold(t *testing.T) {
	t.Parallel()
	const base = "DOCKER_CONTEXT=default\nCLAIR_DOMAIN=a.example\nDOCKER_STACK_DEPLOY_ARGS='-c compose/docker-compose.yml'\n"
	for _, c := range []struct{ name, text, want string }{
		{"all are read", base + "SIGN_UP=closed\nRESTIC_REPOSITORY=/b\nHTTPS_PROXY=http://p", ""},
		{"mistyped", base + "SIGNUP=closed\nSIGN_U=closed", "" +
			"tool: SIGNUP is set, but nothing reads it: is it spelt as in docs/operations.md?\n" +
			"tool: SIGN_U is set, but nothing reads it: is it spelt as in docs/operations.md?\n"},
		{
			"of a file that is left out", base + "MEDIA_S3_BUCKET=b",
			"tool: MEDIA_S3_BUCKET is set, but no file that DOCKER_STACK_DEPLOY_ARGS deploys reads it; one that does: compose/docker-compose.s3.yml\n",
		},
		{"part of a value", base + "PLACE=mail\nEMAIL_HOST=$PLACE.example", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "test.env")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := unreadVariables(t, file); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	files, err := filepath.Glob("../../environments/*.env")
	if err != nil || len(files) == 0 {
		t.Fatalf("no environments: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			path, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := unreadVariables(t, path); got != "" {
				t.Error(got)
			}
		})
	}
}

func unreadVariables(t testing.TB, file string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", `. tools/lib/stack.sh
load_environment "$1"
tell_unread_variables`, "tool", file)
	cmd.Dir = "../.."
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/home/operator", "CLAIR_VERSION=test"}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return string(said)
}

// Whatever stands there, it is read or complained of in one sentence, and nothing runs.
func FuzzEnvironmentFile(f *testing.F) {
	for _, seed := range []string{"A=b", "A=\"$(touch ran)\"", "A=${B:-`touch ran`}", "A='", ". /dev/null", "A=$A$A", "=", "\xff=\xfe", "A=${A", "A=\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, ".") || strings.Contains(text, "source") || strings.Contains(text, "PATH") || strings.Contains(text, "LD_") {
			t.Skip("that names other files, or how programs are found")
		}
		file := filepath.Join(t.TempDir(), "test.env")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, complaint := readEnvironment(t, ours, file); strings.Count(complaint, "\n") > 0 {
			t.Errorf("more than a sentence: %s", complaint)
		}
	})
}
