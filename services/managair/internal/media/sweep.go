package media

import (
	"context"
	"fmt"
	"time"
)

// sweepAge is how old a file is at least when it is swept: pictures are stored before
// an installation names them, those of an archive perhaps hours before.
const sweepAge = 24 * time.Hour

// A sweep that finds more than this, and more than half of all files, believes that
// it was given the wrong store or the wrong database.
const sweepBound = 100

// Sweep deletes the files that no installation needs, and returns how many. named
// tells of some files which of them are needed. Whoever wants it all gone is certain
// that store and database belong together.
func Sweep(ctx context.Context, s Store, now time.Time, all bool, named func(ctx context.Context, files []string) (map[string]bool, error)) (n int, err error) {
	unneeded, total, err := findUnneeded(ctx, s, now, named)
	if err != nil {
		return 0, err
	}
	if !all && len(unneeded) > sweepBound && len(unneeded) > total/2 {
		return 0, fmt.Errorf("%d of %d pictures are those of no installation, so nothing is deleted: do store and database belong together? If they do, run managair sweepmedia --all", len(unneeded), total)
	}
	for _, file := range unneeded {
		if err := s.Delete(ctx, file); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func findUnneeded(ctx context.Context, s Store, now time.Time, named func(context.Context, []string) (map[string]bool, error)) (unneeded []string, total int, err error) {
	const batch = 500
	var files []string
	ask := func() error {
		needed, err := named(ctx, files)
		for _, file := range files {
			if !needed[file] {
				unneeded = append(unneeded, file)
			}
		}
		files = files[:0]
		return err
	}
	for listed, err := range s.List(ctx) {
		if err != nil {
			return nil, 0, err
		}
		total++
		if now.Sub(listed.ModTime) < sweepAge {
			continue
		}
		if files = append(files, listed.Name); len(files) < batch {
			continue
		}
		if err := ask(); err != nil {
			return nil, 0, err
		}
	}
	if len(files) > 0 {
		if err := ask(); err != nil {
			return nil, 0, err
		}
	}
	return unneeded, total, nil
}
