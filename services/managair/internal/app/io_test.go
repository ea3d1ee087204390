package app

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFilesComeBackAsWritten(t *testing.T) {
	t.Parallel()
	const text = "what is written is read"
	for _, name := range []string{"dump.json", "dump.json.gz"} {
		path := filepath.Join(t.TempDir(), name)
		if err := writeOutput(path, nil, write(text)); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if compressed := !bytes.Contains(raw, []byte(text)); compressed != strings.HasSuffix(name, ".gz") {
			t.Errorf("%s: compressed is %v", name, compressed)
		}
		if got := read(t, path, nil); got != text {
			t.Errorf("%s: read %q, want %q", name, got, text)
		}
	}
	var out bytes.Buffer
	if err := writeOutput("-", &out, write(text)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, "-", &out); got != text {
		t.Errorf("standard input: read %q, want %q", got, text)
	}
}

func TestHalfAFileIsNotLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	failed := errors.New("the database is away")
	err := writeOutput(filepath.Join(dir, "dump.json"), nil, func(w io.Writer) error {
		_ = write("[")(w)
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("got %v, want %v", err, failed)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestInputThatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plain.gz")
	if err := os.WriteFile(path, []byte("not compressed"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, filepath.Join(t.TempDir(), "missing")} {
		if _, err := openInput(name, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v does not name it", name, err)
		}
	}
}

func write(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func read(t *testing.T, name string, stdin io.Reader) string {
	t.Helper()
	in, err := openInput(name, stdin)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	content, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
