package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// Folder keeps pictures as files in a folder, which is made when it is needed.
type Folder struct {
	Path string
	of   kind
}

// Put is part of Store. The file appears whole or not at all.
func (f Folder) Put(_ context.Context, name string, content io.Reader, size int64) error {
	if err := f.of.check(name); err != nil {
		return err
	}
	if err := os.MkdirAll(f.Path, 0o750); err != nil {
		return fmt.Errorf("media folder: %w", err)
	}
	aside, err := os.CreateTemp(f.Path, ".new-*")
	if err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	defer func() { _ = os.Remove(aside.Name()) }() // gone after the rename
	_, err = io.CopyN(aside, content, size)
	err = errors.Join(err, aside.Sync(), aside.Close())
	if err == nil {
		err = os.Rename(aside.Name(), filepath.Join(f.Path, name))
	}
	if err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

// Open is part of Store.
func (f Folder) Open(_ context.Context, name string) (*File, error) {
	if err := f.of.check(name); err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(f.Path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, f.of.notFound()
	}
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read picture: %w", err), file.Close())
	}
	return &File{file, info.ModTime()}, nil
}

// Delete is part of Store.
func (f Folder) Delete(_ context.Context, name string) error {
	if !f.of.fits(name) {
		return nil // what cannot be there needs no deletion
	}
	if err := os.Remove(filepath.Join(f.Path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete picture: %w", err)
	}
	return nil
}

// List is part of Store.
func (f Folder) List(context.Context) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		folder, err := os.Open(f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return // nobody has stored anything yet
		}
		if err != nil {
			yield(Listed{}, fmt.Errorf("list pictures: %w", err))
			return
		}
		defer func() { _ = folder.Close() }() // nothing was written
		for {
			entries, err := folder.ReadDir(listPage)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Listed{}, fmt.Errorf("list pictures: %w", err))
				return
			}
			for _, entry := range entries {
				info, err := entry.Info()
				if err != nil || !info.Mode().IsRegular() || f.of.check(entry.Name()) != nil {
					continue // gone meanwhile, or something else
				}
				if !yield(Listed{entry.Name(), info.ModTime()}, nil) {
					return
				}
			}
		}
	}
}

// listPage is how many files of a folder are asked for at once.
const listPage = 1000
