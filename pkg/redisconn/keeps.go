package redisconn

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Keeps fails when Redis does not answer, or may throw away what waits in it: with a
// bound of memory, the policies "allkeys-…" make room by dropping tasks, without an error
// anywhere. Those named "volatile-…" drop only what ends by itself, which no task does
// that waits; "noeviction" refuses what is too much. Where the caller may not ask for it
// (INFO), nothing is known of the policy, and that is no failure.
func Keeps(ctx context.Context, client redis.UniversalClient) error {
	if err := client.Ping(ctx).Err(); err != nil {
		return err
	}
	info, err := client.Info(ctx, "memory").Result()
	if err != nil {
		if strings.HasPrefix(err.Error(), "NOPERM") {
			return nil
		}
		return err
	}
	memory := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			memory[name] = value
		}
	}
	if policy := memory["maxmemory_policy"]; memory["maxmemory"] != "0" && strings.HasPrefix(policy, "allkeys-") {
		return fmt.Errorf("throws away what waits when its memory is full: its maxmemory-policy is %s; set noeviction", policy)
	}
	return nil
}
