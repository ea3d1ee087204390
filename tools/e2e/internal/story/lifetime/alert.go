package lifetime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
)

// The alert that stopping the worker raises.
const (
	missedService = "managair_worker"
	missedJob     = "managair-worker"
	missedAlert   = "ServiceAway"
)

// stopWorker begins what seeAlert ends: nobody works background tasks meanwhile.
func (s *lifetime) stopWorker(ctx context.Context) error {
	s.stopped = time.Now()
	return s.stack.Scale(ctx, missedService, 0)
}

// seeAlert waits until Prometheus tells of the missing worker, and, with the worker
// back, does so no longer.
func (s *lifetime) seeAlert(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 6*time.Minute, errors.New("no change of the alert in time"))
	defer cancel()
	err := play.Until(ctx, func() error {
		state, err := s.alert(ctx)
		if err == nil && state != "firing" {
			err = fmt.Errorf("the alert is %q", state)
		}
		return err
	})
	if err != nil {
		return err
	}
	s.stack.Report("a stopped worker: until the alert fires", "%.0f s, seen after other steps", time.Since(s.stopped).Seconds())
	begun := time.Now()
	if err := s.stack.Scale(ctx, missedService, 1); err != nil {
		return err
	}
	err = play.Until(ctx, func() error {
		state, err := s.alert(ctx)
		if err == nil && state != "" {
			err = fmt.Errorf("the alert is still %q", state)
		}
		return err
	})
	s.stack.Report("the worker is back: until the alert ends", "%.0f s", time.Since(begun).Seconds())
	return err
}

// alert returns the state of the alert about the worker: empty, pending or firing.
func (s *lifetime) alert(ctx context.Context) (string, error) {
	var answer struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
	}
	if err := s.prometheus(ctx, "alerts", &answer); err != nil {
		return "", err
	}
	for _, a := range answer.Data.Alerts {
		if a.Labels["alertname"] == missedAlert && a.Labels["job"] == missedJob {
			return a.State, nil
		}
	}
	return "", nil
}
