package samplestore

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pens are the statements that write samples and readings, by file, each with how many there are. Shipped
// migrations stay as they are; what they have is replaced by later ones.
var pens = map[string]int{
	"pkg/samplestore/store.go": 1,
	// It writes none, but marks what a stuck sensor measured, and has the hours rolled up again.
	"pkg/samplestore/stuck.go":                1,
	"pkg/schema/migrations/00020_one_pen.sql": 1,
	// Readings are inserted by one statement, quantities that come later are added by another;
	// what was parked is adopted by a function of the schema.
	"pkg/samplestore/reading.go":              2,
	"pkg/schema/migrations/00134_reading.sql": 1,
	// It was the pen of adoption before that one, which replaces it.
	"pkg/schema/migrations/00007_set_aside.sql": 1,
	// It marked once what came before samples were judged.
	"pkg/schema/migrations/00031_faulty_samples.sql": 1,
}

// seeds are the statements of tests that write samples past the pen, by file, with how many
// there are and why the pen cannot do it.
var seeds = map[string]int{
	// What the schema itself refuses, keeps and counts, whoever writes.
	"pkg/schema/co2_test.go":    2,
	"pkg/schema/faulty_test.go": 3,
	"pkg/schema/schema_test.go": 2,
	"pkg/schema/stuck_test.go":  1,
	// What roles are refused.
	"pkg/schema/roles_test.go": 3,
	// COPY is the floor that the pen is measured against.
	"services/ingestair/internal/app/bench_test.go": 1,
	"services/managair/internal/app/bench_test.go":  1,
	// Millions of rows, or rows in an order on the pages that batches do not give.
	"services/ingestair/internal/postgres/bench_test.go":         1,
	"services/ingestair/internal/postgres/upkeep_test.go":        1,
	"services/managair/internal/httpapi/bench_test.go":           1,
	"services/managair/internal/postgres/telemetry_plan_test.go": 1,
	// Damage that a comparison has to find.
	"services/managair/internal/postgres/moving/importer_test.go": 2,
	// A writer in the middle of its transaction.
	"services/ingestair/internal/postgres/rollup_test.go": 1,
	// What is there before roll-ups are, which the test makes itself; the rows are those of
	// the golden files, or come while a request is under way.
	"services/managair/internal/httpapi/airfile_test.go":     1,
	"services/managair/internal/httpapi/edge_test.go":        1,
	"services/managair/internal/httpapi/airquality_test.go":  2,
	"services/managair/internal/httpapi/live_test.go":        2,
	"services/managair/internal/httpapi/table_test.go":       2,
	"services/managair/internal/httpapi/ventilation_test.go": 1,
	"services/managair/internal/httpapi/verdict_test.go":     1,
	"services/managair/internal/httpapi/climate_test.go":     1,
	"services/managair/internal/httpapi/exportend_test.go":   1,
	"services/managair/internal/httpapi/reading_test.go":     1,
	"services/managair/internal/httpapi/world_test.go":       1,
	"services/managair/internal/postgres/stuck_test.go":      3,
	"services/managair/internal/postgres/telemetry_test.go":  1,
	// One sample at a time that an evaluation is to find without hearing of it, or nights.
	"services/managair/internal/postgres/alert_test.go":   1,
	"services/managair/internal/postgres/nightly_test.go": 1,
	"services/managair/internal/postgres/reading_test.go": 3,
	"tools/devstack/internal/faults/alert_test.go":        1,
	// Weeks that package simulate made, as they would be long after.
	"services/managair/internal/postgres/timetable_test.go": 1,
}

// TestOnePen: samples and readings are written by one statement in Go and one in SQL, and by those of tests
// that say why. A new writer anywhere, in tests and scripts too, is found.
func TestOnePen(t *testing.T) {
	t.Parallel()
	writes := regexp.MustCompile(`(?i)\b(INSERT INTO|COPY|UPDATE|MERGE INTO|INTO) (ONLY )?(public\.)?"?(sample|reading)"?(\s|$|\()`)
	found := map[string]int{}
	root := os.DirFS("../..")
	for _, folder := range []string{"pkg", "services", "tools", "compose"} {
		err := fs.WalkDir(root, folder, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && slices.Contains([]string{"node_modules", "dist", "testdata"}, d.Name()) {
				return fs.SkipDir
			}
			if err != nil || d.IsDir() || !slices.Contains([]string{".go", ".sql", ".sh", ".py", ".ts", ".svelte", ".yml"}, filepath.Ext(name)) ||
				name == "pkg/samplestore/pen_test.go" {
				return err
			}
			text, err := fs.ReadFile(root, name)
			up, _, _ := strings.Cut(string(text), "-- +goose Down")
			if n := len(writes.FindAllString(up, -1)); n > 0 {
				found[name] = n
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := maps.Clone(pens)
	maps.Copy(want, seeds)
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("samples or readings are written elsewhere than they should be (-want +found):\n%s", diff)
	}
}
