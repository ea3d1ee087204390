package lifetime

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
)

// backup runs the tool for backups, with a folder to keep them.
func (s *lifetime) backup(ctx context.Context, args ...string) (string, error) {
	env := []string{"RESTIC_REPOSITORY=" + filepath.Join(s.setting.Work, "backups"), "RESTIC_CACHE_DIR=" + filepath.Join(s.setting.Work, "restic")}
	return s.stack.ToolWith(ctx, nil, env, "backup.sh", args...)
}

func (s *lifetime) backUpAndDestroy(ctx context.Context) error {
	rows, err := load.Stored(ctx, s.stack)
	if err != nil {
		return err
	}
	s.rowsSaved = rows
	begun := time.Now()
	if _, err := s.backup(ctx); err != nil {
		return err
	}
	s.stack.Report("backup, encrypted", "%.0f s", time.Since(begun).Seconds())
	if _, err := s.backup(ctx, "check"); err != nil {
		return err
	}
	return s.stack.Destroy(ctx)
}

func (s *lifetime) deployAnew(ctx context.Context) error {
	if _, err := s.stack.Tool(ctx, "create-volumes.sh"); err != nil {
		return err
	}
	_, err := s.stack.Tool(ctx, "deploy-stack.sh", "--timeout", "180")
	return err
}

func (s *lifetime) restore(ctx context.Context) error {
	begun := time.Now()
	if _, err := s.backup(ctx, "restore", "-y"); err != nil {
		return err
	}
	s.stack.Report("restoring the backup, over what was there", "%.0f s", time.Since(begun).Seconds())
	rows, err := load.Stored(ctx, s.stack)
	if err != nil {
		return err
	}
	if rows != s.rowsSaved {
		return fmt.Errorf("%d samples after restoring, %d before", rows, s.rowsSaved)
	}
	if err := s.readAPI(ctx); err != nil {
		return err
	}
	return s.superuser.SeePicture(ctx)
}
