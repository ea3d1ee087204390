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

// Picture is a picture as people see it, and the file of the store that holds it.
type Picture struct{ Name, File string }

// Export writes the pictures under their names as a tar archive, in the order given,
// and returns the names of those that the store does not have.
func Export(ctx context.Context, w io.Writer, s Store, pictures []Picture) (missing []string, err error) {
	archive := tar.NewWriter(w)
	for _, p := range pictures {
		err := exportOne(ctx, archive, s, p)
		if fault.Is(err, fault.NotFound) {
			missing = append(missing, p.Name)
			continue
		}
		if err != nil {
			return missing, fmt.Errorf("export picture %s: %w", p.Name, err)
		}
	}
	return missing, archive.Close()
}

func exportOne(ctx context.Context, archive *tar.Writer, s Store, p Picture) error {
	file, err := s.Open(ctx, p.File)
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
	if err := archive.WriteHeader(&tar.Header{Name: p.Name, Size: size, Mode: 0o644, ModTime: file.ModTime}); err != nil {
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
		if err := s.Put(ctx, name, archive, header.Size); err != nil {
			return n, leftOut, err
		}
		n++
	}
}
