package inventory

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Every zone that may be chosen is one that Go brings along: the days of a site can be cut
// in it on a machine that has none of its own.
func TestZonesAreGosOwn(t *testing.T) {
	t.Parallel()
	archive, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")) //nolint:staticcheck // that of the tests is meant
	if err != nil {
		t.Skip(err)
	}
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	brought := map[string]bool{}
	for _, f := range files.File {
		brought[f.Name] = true
	}
	if len(zones()) < 500 {
		t.Errorf("%d zones", len(zones()))
	}
	for name := range zones() {
		if !brought[name] {
			t.Errorf("Go does not bring %s", name)
		}
		if _, err := time.LoadLocation(name); err != nil {
			t.Error(err)
		}
	}
	for name := range brought {
		if !zones()[name] && name != "Factory" && !strings.HasSuffix(name, "/") {
			t.Logf("zones.txt may be renewed: it lacks %s", name)
		}
	}
}
