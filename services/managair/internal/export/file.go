package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"
)

// partSize is how much of a file is gathered, and kept at once: it is held in memory.
const partSize = 8 << 20

func partName(id int64, attempt int, n int64) string {
	return fmt.Sprintf("%d-%d-%d.part", id, attempt, n)
}

var partForm = regexp.MustCompile(`^([0-9]{1,18})-([0-9]{1,9})-[0-9]{1,9}\.part$`)

// IsPart reports whether it is the name of a part.
func IsPart(name string) bool {
	_, _, ok := partOf(name)
	return ok
}

// partOf returns what a part is of.
func partOf(name string) (id int64, attempt int, ok bool) {
	m := partForm.FindStringSubmatch(name)
	if m == nil {
		return 0, 0, false
	}
	id, _ = strconv.ParseInt(m[1], 10, 64) // the form bounds them
	attempt, _ = strconv.Atoi(m[2])
	return id, attempt, true
}

var (
	errAccountFull = errors.New("the account's exports have all the room that they may")
	errFull        = errors.New("there is no room for more exports")
)

// writing puts a file on the shelf, part by part.
type writing struct {
	ctx     context.Context //nolint:containedctx // an io.Writer has none, and it lives as long as one call
	shelf   Shelf
	id      int64
	attempt int
	parts   int64
	size    int64
	buffer  bytes.Buffer
	// used returns how much of the room that there is others have; mostOfAccount and mostOfAll are how much there is.
	used                     func(ctx context.Context) (account, all int64, err error)
	mostOfAccount, mostOfAll int64
	// put is told of the size so far.
	put func(size int64)
}

func (w *writing) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		some := min(partSize-w.buffer.Len(), len(p))
		w.buffer.Write(p[:some])
		if p = p[some:]; w.buffer.Len() == partSize {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (w *writing) flush() error {
	n := int64(w.buffer.Len())
	if n == 0 {
		return nil
	}
	account, all, err := w.used(w.ctx) // anew for each part: others are made meanwhile
	if err != nil {
		return err
	}
	switch size := w.size + n; {
	case account+size > w.mostOfAccount:
		return errAccountFull
	case all+size > w.mostOfAll:
		return errFull
	}
	if err := w.shelf.Put(w.ctx, partName(w.id, w.attempt, w.parts), bytes.NewReader(w.buffer.Bytes()), n); err != nil {
		return fmt.Errorf("keep a part of an export: %w", err)
	}
	w.buffer.Reset()
	w.parts++
	w.size += n
	w.put(w.size)
	return nil
}

// clear deletes what was put on the shelf, with a part that may be there although its Put failed.
func (w *writing) clear(ctx context.Context) error {
	for n := range w.parts + 1 {
		if err := w.shelf.Delete(ctx, partName(w.id, w.attempt, n)); err != nil {
			return err
		}
	}
	return nil
}

// File is a file on the shelf that is being read, from any place of it.
type File struct {
	ctx     context.Context //nolint:containedctx // an io.Reader has none, and it lives as long as one request
	shelf   Shelf
	id      int64
	attempt int
	size    int64
	at      int64
	part    io.ReadSeekCloser
	place   int64 // in which the open part stands
}

// OpenFile opens the file of an export that is done.
func OpenFile(ctx context.Context, shelf Shelf, e *Export) *File {
	return &File{ctx: ctx, shelf: shelf, id: e.ID, attempt: e.Attempt, size: e.Size}
}

// Read is part of io.Reader.
func (f *File) Read(p []byte) (int, error) {
	if f.at >= f.size {
		return 0, io.EOF
	}
	if f.part == nil || f.place != f.at {
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	inPart := partSize - f.at%partSize
	n, err := f.part.Read(p[:min(int64(len(p)), inPart, f.size-f.at)])
	f.at += int64(n)
	f.place = f.at
	if errors.Is(err, io.EOF) {
		err = nil
		if n == 0 {
			return 0, io.ErrUnexpectedEOF // a part is shorter than it was
		}
	}
	if f.at%partSize == 0 {
		err = errors.Join(err, f.Close())
	}
	return n, err
}

// open opens the part that the reader stands in.
func (f *File) open() error {
	if err := f.Close(); err != nil {
		return err
	}
	part, err := f.shelf.Open(f.ctx, partName(f.id, f.attempt, f.at/partSize))
	if err != nil {
		return err
	}
	f.part, f.place = part, f.at
	if within := f.at % partSize; within > 0 {
		_, err = part.Seek(within, io.SeekStart)
	}
	return err
}

// Seek is part of io.Seeker.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, errors.New("a place before the file's begin")
	}
	f.at = offset
	return offset, nil
}

// Close is part of io.Closer.
func (f *File) Close() error {
	if f.part == nil {
		return nil
	}
	err := f.part.Close()
	f.part = nil
	return err
}

// Clear deletes the parts of an export.
func Clear(ctx context.Context, shelf Shelf, e *Export) error {
	for n := range (e.Size + partSize - 1) / partSize {
		if err := shelf.Delete(ctx, partName(e.ID, e.Attempt, n)); err != nil {
			return err
		}
	}
	return nil
}

// Sweep forgets what has expired, deletes the parts that belong to no export, and returns how many of both.
func Sweep(ctx context.Context, q Queue, shelf Shelf, now time.Time) (expired, parts int64, err error) {
	if expired, err = q.Expire(ctx, now); err != nil {
		return 0, 0, err
	}
	const batch = 1000
	var names []string
	ask := func() error {
		ids := make([]int64, len(names))
		for i, name := range names {
			ids[i], _, _ = partOf(name)
		}
		counts, err := q.Attempts(ctx, ids)
		if err != nil {
			return err
		}
		for _, name := range names {
			id, attempt, _ := partOf(name)
			if current, there := counts[id]; there && current == attempt {
				continue
			}
			if err := shelf.Delete(ctx, name); err != nil {
				return err
			}
			parts++
		}
		names = names[:0]
		return nil
	}
	for name, err := range shelf.List(ctx) {
		if err != nil {
			return expired, parts, err
		}
		if _, _, ok := partOf(name); !ok {
			continue
		}
		if names = append(names, name); len(names) == batch {
			if err := ask(); err != nil {
				return expired, parts, err
			}
		}
	}
	return expired, parts, ask()
}
