package media

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// maxArchived is the size of a picture of an archive: the predecessor had no bound
// and its files are taken over as they are.
const maxArchived = 100 << 20

// Export writes the pictures as a tar archive, in the order of names, and returns
// the names of those that the store does not have.
func Export(ctx context.Context, w io.Writer, s Store, names []string) (missing []string, err error) {
	archive := tar.NewWriter(w)
	for _, name := range names {
		err := exportOne(ctx, archive, s, name)
		if fault.Is(err, fault.NotFound) {
			missing = append(missing, name)
			continue
		}
		if err != nil {
			return missing, fmt.Errorf("export picture %s: %w", name, err)
		}
	}
	return missing, archive.Close()
}

func exportOne(ctx context.Context, archive *tar.Writer, s Store, name string) error {
	file, err := s.Open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nothing was written
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, ModTime: file.ModTime}); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}

// Import stores the pictures of an archive that Export wrote, or of the predecessor's
// folder of pictures, and returns how many there were and the names of what is none.
// Pictures that are there already are replaced.
func Import(ctx context.Context, r io.Reader, s Store) (n int, leftOut []string, err error) {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return n, leftOut, nil
		}
		if err != nil {
			return n, leftOut, fmt.Errorf("read archive of pictures: %w", err)
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		name := strings.TrimPrefix(header.Name, "./") // "tar -C media -c ." writes it
		if header.Typeflag != tar.TypeReg || CheckName(name) != nil || header.Size > maxArchived {
			leftOut = append(leftOut, header.Name)
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return n, leftOut, fmt.Errorf("read archive of pictures: %w", err)
		}
		if err := s.Put(ctx, name, content); err != nil {
			return n, leftOut, err
		}
		n++
	}
}
