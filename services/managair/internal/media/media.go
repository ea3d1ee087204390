// Package media makes pictures that users upload harmless, and keeps them.
//
// A picture is decoded and encoded anew: what is no picture does not survive
// that, and neither do the place and time that cameras write into files. Only
// the orientation is taken from there, and applied. Decoding is done by a process of
// its own, because a few kilobytes may need any amount of memory and time.
package media

import (
	"context"
	"io"
	"iter"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Store keeps pictures by name.
type Store interface {
	// Put stores size bytes of content, or nothing.
	Put(ctx context.Context, name string, content io.Reader, size int64) error
	// Open returns NotFound when there is no such picture.
	Open(ctx context.Context, name string) (*File, error)
	// Delete of what is not there is no error.
	Delete(ctx context.Context, name string) error
	// List tells of every picture in the store, in any order, until an error.
	List(ctx context.Context) iter.Seq2[Listed, error]
}

// Listed is a picture of a list.
type Listed struct {
	Name    string
	ModTime time.Time
}

// File is a picture that is being read.
type File struct {
	io.ReadSeekCloser
	ModTime time.Time
}

// nameForm is that of the names Convert gives, and of the predecessor's files,
// which are taken over as they are.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\.(?i:png|jpg|jpeg|gif|webp)$`)

// kind is what a store keeps. The zero kind are pictures; of others it says what their names are.
type kind struct {
	named func(name string) bool
}

func (k kind) pictures() bool { return k.named == nil }

// fits reports whether it is a name of such a file.
func (k kind) fits(name string) bool {
	if k.pictures() {
		return nameForm.MatchString(name)
	}
	return k.named(name)
}

// check refuses what is no name of such a file.
func (k kind) check(name string) error {
	if !k.fits(name) {
		return k.notFound()
	}
	return nil
}

func (k kind) notFound() error {
	if k.pictures() {
		return ErrNotFound()
	}
	return fault.New(fault.NotFound, "no such part of a file")
}

func (k kind) contentType(name string) string {
	if k.pictures() {
		return ContentType(name)
	}
	return "application/octet-stream"
}

// Shelf keeps parts of files by name.
type Shelf struct{ store Store }

// Put keeps a part whole, or not at all.
func (s *Shelf) Put(ctx context.Context, name string, content io.Reader, size int64) error {
	return s.store.Put(ctx, name, content, size)
}

// Open returns fault.NotFound when there is no such part.
func (s *Shelf) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	file, err := s.store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return file.ReadSeekCloser, nil
}

// Delete of what is not there is no error.
func (s *Shelf) Delete(ctx context.Context, name string) error { return s.store.Delete(ctx, name) }

// List tells the names of all parts, in any order, until an error.
func (s *Shelf) List(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for listed, err := range s.store.List(ctx) {
			if !yield(listed.Name, err) || err != nil {
				return
			}
		}
	}
}

// ErrNotFound is what Open returns when there is no such picture.
func ErrNotFound() error { return fault.New(fault.NotFound, "no such picture") }

// CheckName refuses what is no name of a picture, such as a path that leads elsewhere.
func CheckName(name string) error {
	return kind{}.check(name)
}

// ContentType returns the media type that belongs to a name.
func ContentType(name string) string {
	switch extension := strings.ToLower(path.Ext(name)); extension {
	case ".png", ".gif", ".webp":
		return "image/" + extension[1:]
	default:
		return "image/jpeg"
	}
}
