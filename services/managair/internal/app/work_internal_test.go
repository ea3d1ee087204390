package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
)

// What an older version took lets the worker start still: else an update is rolled back.
func TestShortAuditRetentionIsAWeek(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]time.Duration{"72h": 168 * time.Hour, "168h": 168 * time.Hour, "200h": 200 * time.Hour, "0s": 0} {
		var cfg WorkerConfig
		if err := (config.Env{"AUDIT_RETENTION": given}).Load(&cfg); err != nil {
			t.Errorf("%s: %v", given, err)
			continue
		}
		var told bytes.Buffer
		got := cfg.auditRetention(t.Context(), slog.New(slog.NewTextHandler(&told, nil)))
		if warned := strings.Contains(told.String(), "AUDIT_RETENTION"); got != want || warned != (given == "72h") {
			t.Errorf("%s: kept for %v, warned %v; want %v", given, got, warned, want)
		}
	}
}
