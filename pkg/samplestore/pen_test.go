package samplestore

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOnePen: samples are written by one statement in Go and one in SQL. Shipped
// migrations stay as they are; what they have is replaced by later ones.
func TestOnePen(t *testing.T) {
	t.Parallel()
	writes := regexp.MustCompile(`(?i)\b(INSERT INTO|COPY|UPDATE|MERGE INTO) sample\b`)
	const shipped = "pkg/schema/migrations/00007_set_aside.sql"
	var found []string
	root := os.DirFS("../..")
	for _, folder := range []string{"pkg", "services", "tools"} {
		err := fs.WalkDir(root, folder, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "node_modules" {
				return fs.SkipDir
			}
			ext := filepath.Ext(name)
			if err != nil || d.IsDir() || ext != ".go" && ext != ".sql" || strings.HasSuffix(name, "_test.go") || name == shipped {
				return err
			}
			text, err := fs.ReadFile(root, name)
			up, _, _ := strings.Cut(string(text), "-- +goose Down")
			for range writes.FindAllString(up, -1) {
				found = append(found, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"pkg/samplestore/store.go", "pkg/schema/migrations/00020_one_pen.sql",
		// It marked once what came before samples were judged.
		"pkg/schema/migrations/00031_faulty_samples.sql",
	}
	if !slices.Equal(found, want) {
		t.Errorf("samples are written in %v, want %v", found, want)
	}
}
