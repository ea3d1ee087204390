package app

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// openInput opens a file that a command reads; "-" is standard input. A file whose
// name ends in .gz is decompressed.
func openInput(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin), nil
	}
	f, err := os.Open(name)
	if err != nil || !strings.HasSuffix(name, ".gz") {
		return f, err
	}
	zip, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{zip, f}, nil
}

// writeOutput writes a file that appears under its name only when it is complete.
func writeOutput(name string, stdout io.Writer, write func(io.Writer) error) (err error) {
	if name == "" || name == "-" {
		buffered := bufio.NewWriterSize(stdout, 1<<16)
		if err := write(buffered); err != nil {
			return err
		}
		return buffered.Flush()
	}
	f, err := os.OpenFile(name+".part", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) // it holds password hashes
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<16)
	var w io.Writer = buffered
	finish := buffered.Flush
	if strings.HasSuffix(name, ".gz") {
		zip := gzip.NewWriter(buffered)
		w = zip
		finish = func() error { return errors.Join(zip.Close(), buffered.Flush()) }
	}
	if err := write(w); err != nil {
		return err
	}
	if err := finish(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
