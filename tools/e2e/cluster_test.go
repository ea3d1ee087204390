package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Another major version does not read the files of the running database, and in another
// folder there is none: neither is deployed by the way.
func TestAnotherClusterIsNotDeployed(t *testing.T) {
	t.Parallel()
	const seventeen, eighteen = "postgres (PostgreSQL) 17.1", "postgres (PostgreSQL) 18.0"
	for _, c := range []struct{ name, deployed, folder, image, running, new, refused string }{
		{"the same", "postgres:17-bookworm@sha256:aa", "pgdata", "postgres:17-bookworm", seventeen, eighteen, ""},
		{"a minor one", "postgres:17-bookworm", "pgdata", "postgres:17.5", seventeen, "postgres (PostgreSQL) 17.5", ""},
		{"a major one", "postgres:17-bookworm", "pgdata", "postgres:18-bookworm", seventeen, eighteen, "does not read its files"},
		{"a major one by digest", "postgres@sha256:aa", "pgdata", "postgres@sha256:bb", seventeen, eighteen, "does not read its files"},
		{"the same digest", "postgres@sha256:aa", "pgdata", "postgres@sha256:aa", seventeen, eighteen, ""},
		{"a tag that has moved", "postgres:latest@sha256:aa", "pgdata", "postgres:latest", seventeen, eighteen, "does not read its files"},
		{"no tag, from a registry with a port", "reg:5000/postgres", "pgdata", "reg:5000/postgres", seventeen, eighteen, "does not read its files"},
		{"back from one that does not start", "postgres:18", "pgdata", "postgres:17", "", seventeen, ""},
		{"an image that does not run", "postgres:17", "pgdata", "postgres:18", seventeen, "", "it cannot be seen"},
		{"another folder", "postgres:17", "pgdata-17", "postgres:17", seventeen, seventeen, "POSTGRES_DATA says 'pgdata'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", `. tools/lib/stack.sh
deployed_postgres_image() { echo "$DEPLOYED"; }
deployed_postgres_data() { echo "$FOLDER"; }
container() { [ -n "$RUNNING" ] && echo default/db; }
run_in() { echo "$RUNNING"; }
postgres_version() { [ -n "$NEW" ] && echo "$NEW"; }
same_cluster`, "tool")
			cmd.Dir = "../.."
			cmd.Env = []string{
				"PATH=" + os.Getenv("PATH"), "DEPLOYED=" + c.deployed, "FOLDER=" + c.folder,
				"POSTGRES_IMAGE=" + c.image, "RUNNING=" + c.running, "NEW=" + c.new,
			}
			said, err := cmd.CombinedOutput()
			if (err != nil) != (c.refused != "") || !strings.Contains(string(said), c.refused) {
				t.Errorf("%v: %s", err, said)
			}
		})
	}
}
