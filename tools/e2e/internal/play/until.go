package play

import (
	"context"
	"fmt"
	"time"
)

// Until tries until it succeeds or the step's time is over.
func Until(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; at last: %w", context.Cause(ctx), err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}
