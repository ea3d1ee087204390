package media_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/clairberlin/clair-stack/pkg/bomb"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
)

// convertPicture is the argument that makes managair decode a picture, and the test's binary.
const convertPicture = "convert-picture"

func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], []string{convertPicture}) {
		os.Exit(media.ConvertPipe(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// decoder returns the program that decodes pictures: managair as it is deployed, where
// it was built, or else this test's binary.
func decoder(t testing.TB) (program string, deployed bool) {
	t.Helper()
	if bin := os.Getenv("CLAIR_TEST_BIN"); bin != "" {
		return filepath.Join(bin, "managair"), true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self, false
}

// convert converts in a process of its own, as the server does.
func convert(t testing.TB, data []byte) (name string, content []byte, err error) {
	t.Helper()
	program, _ := decoder(t)
	return media.NewConverter(program, convertPicture).Convert(t.Context(), data)
}

// sketch is 4 wide and 2 high, red on the left, blue on the right.
func sketch(alpha uint8) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, 64, 32))
	for y := range 32 {
		for x := range 64 {
			c := color.NRGBA{R: 255, A: alpha}
			if x >= 32 {
				c = color.NRGBA{B: 255, A: alpha}
			}
			m.Set(x, y, c)
		}
	}
	return m
}

func encode(t testing.TB, do func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := do(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withOrientation puts an EXIF block after the start of a JPEG file.
func withOrientation(t testing.TB, file []byte, orientation byte) []byte {
	t.Helper()
	tiff, err := hex.DecodeString("4578696600004d4d002a00000008000101120003000000010000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	tiff[25] = orientation
	block := append([]byte{0xFF, 0xE1, 0, byte(len(tiff) + 2)}, tiff...)
	return append(append(bytes.Clone(file[:2]), block...), file[2:]...)
}

func TestConvertKeepsThePictureAndNothingElse(t *testing.T) {
	t.Parallel()
	jpg := encode(t, func(w io.Writer) error { return jpeg.Encode(w, sketch(255), nil) })
	for _, test := range []struct {
		name          string
		data          []byte
		suffix        string
		width, height int
		topIsRed      bool
	}{
		{"JPEG", jpg, "jpg", 64, 32, false},
		{"JPEG that lies on its side is put upright", withOrientation(t, jpg, 6), "jpg", 32, 64, true},
		{"JPEG with an orientation that does not exist", withOrientation(t, jpg, 77), "jpg", 64, 32, false},
		{"PNG", encode(t, func(w io.Writer) error { return png.Encode(w, sketch(255)) }), "jpg", 64, 32, false},
		{"PNG that one can see through stays so", encode(t, func(w io.Writer) error { return png.Encode(w, sketch(100)) }), "png", 64, 32, false},
		{"GIF", encode(t, func(w io.Writer) error { return gif.Encode(w, sketch(255), nil) }), "jpg", 64, 32, false},
		{"a large one is shrunk", encode(t, func(w io.Writer) error { return png.Encode(w, image.NewGray(image.Rect(0, 0, 5000, 100))) }), "jpg", 2048, 40, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			name, content, err := convert(t, test.data)
			if err != nil {
				t.Fatal(err)
			}
			if name[len(name)-3:] != test.suffix || media.CheckName(name) != nil {
				t.Errorf("name %s, want a .%s", name, test.suffix)
			}
			if bytes.Contains(content, []byte("Exif")) {
				t.Error("metadata is left")
			}
			got, _, err := image.Decode(bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			if got.Bounds().Dx() != test.width || got.Bounds().Dy() != test.height {
				t.Errorf("size %v, want %dx%d", got.Bounds(), test.width, test.height)
			}
			if test.topIsRed {
				r, _, b, _ := got.At(16, 4).RGBA()
				if r < 0xC000 || b > 0x4000 {
					t.Errorf("top is (%x, %x), want red", r, b)
				}
			}
		})
	}
}

func TestConvertRefuses(t *testing.T) {
	t.Parallel()
	huge := encode(t, func(w io.Writer) error { return png.Encode(w, image.NewGray(image.Rect(0, 0, 1, 1))) })
	copy(huge[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // says it is 65536 x 65536
	// The header's checksum must fit for the claim to be believed.
	for name, test := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":             {nil, media.ErrNoImage},
		"a text":              {[]byte("<svg onload=alert(1)>"), media.ErrNoImage},
		"a picture cut short": {encode(t, func(w io.Writer) error { return jpeg.Encode(w, sketch(255), nil) })[:100], media.ErrNoImage},
		"a picture that lies": {huge, media.ErrNoImage},
		"a bomb of few bytes": {bomb.PNG(9000, 9000, bomb.Grey), media.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := convert(t, test.data); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func FuzzConvert(f *testing.F) {
	jpg := encode(f, func(w io.Writer) error { return jpeg.Encode(w, sketch(255), nil) })
	f.Add(withOrientation(f, jpg, 8))
	f.Add(encode(f, func(w io.Writer) error { return png.Encode(w, sketch(9)) }))
	f.Fuzz(func(t *testing.T, data []byte) {
		if config, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && config.Width*config.Height > 1<<20 {
			return // takes too long here
		}
		content, err := media.ConvertHere(data)
		if err == nil {
			if _, _, err := image.Decode(bytes.NewReader(content)); err != nil {
				t.Errorf("what was kept is no picture: %v", err)
			}
		}
	})
}

func TestStores(t *testing.T) {
	t.Parallel()
	backend := s3mem.New()
	if err := backend.CreateBucket("pictures"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	for name, cfg := range map[string]media.Config{
		"folder": {Folder: t.TempDir() + "/new"},
		"S3":     {Endpoint: server.URL, Bucket: "pictures", Region: "us-east-1", AccessKey: "key", SecretKey: config.NewSecret("secret")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := media.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			checkStore(t, store)
		})
	}
}

func checkStore(t *testing.T, f media.Store) {
	t.Helper()
	const name = "abcdefghijklmnopqrstuvwxyz.png"
	if _, err := f.Open(t.Context(), name); !fault.Is(err, fault.NotFound) {
		t.Errorf("open of nothing: %v", err)
	}
	if err := f.Put(t.Context(), name, strings.NewReader("x"), 1); err != nil {
		t.Fatal(err)
	}
	file, err := f.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(file)
	if err != nil || string(content) != "x" {
		t.Errorf("%q %v", content, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	var names []string
	for listed, err := range f.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if listed.ModTime.IsZero() {
			t.Errorf("%s has no time", listed.Name)
		}
		names = append(names, listed.Name)
	}
	if !slices.Equal(names, []string{name}) {
		t.Errorf("list: %q", names)
	}
	for range 2 {
		if err := f.Delete(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"../secret.png", "", "x", "abcdefghijklmnopqrstuvwxyz.png/../x"} {
		if err := f.Put(t.Context(), bad, strings.NewReader(""), 0); err == nil {
			t.Errorf("%q is taken as a name", bad)
		}
		if _, err := f.Open(t.Context(), bad); !fault.Is(err, fault.NotFound) {
			t.Errorf("open %q: %v", bad, err)
		}
	}
}

func TestArchiveCarriesPicturesFromStoreToStore(t *testing.T) {
	t.Parallel()
	from, to := media.Folder{Path: t.TempDir()}, media.Folder{Path: t.TempDir()}
	want := map[string][]byte{"a.png": []byte("first"), "b.jpg": bytes.Repeat([]byte("second"), 1000)}
	for name, content := range want {
		if name == "b.jpg" {
			name = "old.jpg" // it has another name for the world
		}
		if err := from.Put(t.Context(), name, bytes.NewReader(content), int64(len(content))); err != nil {
			t.Fatal(err)
		}
	}
	var archive bytes.Buffer
	missing, err := media.Export(t.Context(), &archive, from, []media.Picture{{Name: "a.png", File: "a.png"}, {Name: "b.jpg", File: "old.jpg"}, {Name: "gone.png", File: "gone.png"}})
	if err != nil || !slices.Equal(missing, []string{"gone.png"}) {
		t.Fatalf("export: missing %q, %v", missing, err)
	}
	if n, leftOut, err := media.Import(t.Context(), &archive, to); n != 2 || len(leftOut) > 0 || err != nil {
		t.Fatalf("import: %d, left out %q, %v", n, leftOut, err)
	}
	for name, content := range want {
		file, err := to.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(file)
		if err = errors.Join(err, file.Close()); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(content))
		}
	}
}

// The predecessor's folder as tar writes it: pictures are taken, what else lies there is
// left out and told.
func TestImportTakesPicturesOnly(t *testing.T) {
	t.Parallel()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, header := range []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./first.JPG", Size: 1, Mode: 0o644},
		{Name: "../out.png", Size: 1, Mode: 0o644},
		{Name: "./../out.png", Size: 1, Mode: 0o644},
		{Name: "a.sh", Size: 1, Mode: 0o644},
		{Name: "a.png", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		{Name: "old/a.png", Size: 1, Mode: 0o644},
		{Name: "last.png", Size: 1, Mode: 0o644},
	} {
		err := w.WriteHeader(&header)
		if header.Size > 0 {
			_, wErr := w.Write([]byte("x"))
			err = errors.Join(err, wErr)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	n, leftOut, err := media.Import(t.Context(), &archive, media.Folder{Path: folder})
	if want := []string{"../out.png", "./../out.png", "a.sh", "a.png", "old/a.png"}; n != 2 || err != nil || !slices.Equal(leftOut, want) {
		t.Errorf("took %d, %v; left out %q, want %q", n, err, leftOut, want)
	}
	var stored []string
	err = filepath.WalkDir(filepath.Dir(folder), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			stored = append(stored, d.Name())
		}
		return err
	})
	if want := []string{"first.JPG", "last.png"}; err != nil || !slices.Equal(stored, want) {
		t.Errorf("stored %q, %v; want %q", stored, err, want)
	}
	if got := media.ContentType("first.JPG") + " " + media.ContentType("A.PNG"); got != "image/jpeg image/png" {
		t.Errorf("types are %s", got)
	}
}

func TestSweepDeletesWhatNobodyHas(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		needed, other int
		age           time.Duration
		all, wantErr  bool
		want          int
	}{
		{"what nobody has", 3, 2, 25 * time.Hour, false, false, 2},
		{"what is new may have its installation soon", 3, 2, time.Hour, false, false, 0},
		{"most of many is a mistake", 3, 150, 25 * time.Hour, false, true, 0},
		{"unless somebody says so", 3, 150, 25 * time.Hour, true, false, 150},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := media.Folder{Path: t.TempDir()}
			needed := map[string]bool{}
			for i := range test.needed + test.other {
				name := fmt.Sprintf("p%d.jpg", i)
				if err := store.Put(t.Context(), name, strings.NewReader("x"), 1); err != nil {
					t.Fatal(err)
				}
				needed[name] = i < test.needed
			}
			n, err := media.Sweep(t.Context(), store, time.Now().Add(test.age), test.all,
				func(context.Context, []string) (map[string]bool, error) { return needed, nil })
			if n != test.want || (err != nil) != test.wantErr {
				t.Errorf("%d, %v; want %d", n, err, test.want)
			}
			left := 0
			for listed, err := range store.List(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if test.want > 0 && !needed[listed.Name] {
					t.Errorf("%s is left", listed.Name)
				}
				left++
			}
			if left != test.needed+test.other-test.want {
				t.Errorf("%d are left", left)
			}
		})
	}
}
