package scratch_test

import (
	"archive/tar"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/clairberlin/clair-stack/tools/image/internal/scratch"
)

// build compiles a program that is small and has a dependency: this module's tool
// would do too, but takes long to link.
func build(t *testing.T, cgo string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hello")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./testdata/hello")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED="+cgo, "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

func pack(t *testing.T, binary string) scratch.Packed {
	t.Helper()
	packed, err := scratch.Pack(scratch.Spec{
		Binary:   binary,
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
		Created:  time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Version:  "v1", Revision: "abc",
	})
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func TestSameBinarySameDigest(t *testing.T) {
	t.Parallel()
	first, err := scratch.Index([]scratch.Packed{pack(t, build(t, "0"))}).Digest()
	if err != nil {
		t.Fatal(err)
	}
	second, err := scratch.Index([]scratch.Packed{pack(t, build(t, "0"))}).Digest()
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Errorf("two builds of one commit have digests %s and %s", first, second)
	}
}

func TestPack(t *testing.T) {
	t.Parallel()
	packed := pack(t, build(t, "0"))
	// As others will read it.
	folder, err := layout.Write(t.TempDir(), scratch.Index([]scratch.Packed{packed}))
	if err != nil {
		t.Fatal(err)
	}
	index, err := folder.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Fatal(err)
	}
	c, err := packed.Image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.Config.User != scratch.User {
		t.Errorf("runs as %q, want %q", c.Config.User, scratch.User)
	}
	if got, want := c.Config.Healthcheck.Test, []string{"CMD", "/hello", "healthcheck"}; !slices.Equal(got, want) {
		t.Errorf("health check %q, want %q", got, want)
	}
	if got := c.Config.Labels["org.opencontainers.image.revision"]; got != "abc" {
		t.Errorf("revision %q, want abc", got)
	}
	content := mutate.Extract(packed.Image)
	defer func() { _ = content.Close() }()
	files, owners := map[string]int64{}, map[string]int{}
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if err != nil {
			break
		}
		name := strings.TrimSuffix(h.Name, "/")
		files[name], owners[name] = h.Mode, h.Uid
	}
	if len(files) != 3 || owners["hello"] != 0 || owners[scratch.MediaFolder] != 65532 {
		t.Errorf("holds %v owned by %v, want a media folder of the user besides two files", files, owners)
	}
	if files["hello"] != 0o755 || files[scratch.BillOfMaterialsPath] != 0o644 {
		t.Errorf("holds %v, want the executable binary and the list of its modules", files)
	}
	for _, want := range []string{`"pkg:golang/std@1.`, `"pkg:golang/github.com/spf13/pflag@v1.0.`} {
		if !strings.Contains(string(packed.BillOfMaterials), want) {
			t.Errorf("no %s in the list of modules:\n%s", want, packed.BillOfMaterials)
		}
	}
}

func TestPackRefusesDynamicBinary(t *testing.T) {
	t.Parallel()
	_, err := scratch.Pack(scratch.Spec{Binary: build(t, "1")})
	if err == nil || !strings.Contains(err.Error(), "cgo") {
		t.Errorf("got %v, want a refusal that names cgo", err)
	}
}
