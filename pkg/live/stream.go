package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Stream reads what publishers publish.
type Stream struct {
	Client redis.UniversalClient
}

// Bounds returns the first and the last entry that the stream has. Whoever has read
// up to an ID that is not before first has missed nothing. In an empty stream a
// mark is published, so that there is always a place to go on from.
func (s Stream) Bounds(ctx context.Context) (first, last ID, err error) {
	for range 3 { // it may be emptied between the commands
		if first, err = edge(s.Client.XRangeN(ctx, Key, "-", "+", 1)); err == nil {
			last, err = edge(s.Client.XRevRangeN(ctx, Key, "+", "-", 1))
		}
		if !errors.Is(err, errEmpty) {
			return first, last, err
		}
		// Only one of several readers gets to do it.
		err := s.Client.XAdd(ctx, &redis.XAddArgs{Stream: Key, MaxLen: maxEntries, Approx: true, Values: []any{field, encode(nil, true)}}).Err()
		if err != nil {
			return ID{}, ID{}, fmt.Errorf("begin the live stream: %w", err)
		}
	}
	return ID{}, ID{}, errEmpty
}

var errEmpty = errors.New("the live stream is empty")

func edge(cmd *redis.XMessageSliceCmd) (ID, error) {
	messages, err := cmd.Result()
	if err != nil {
		return ID{}, fmt.Errorf("bounds of the live stream: %w", err)
	}
	if len(messages) == 0 {
		return ID{}, errEmpty
	}
	return ParseID(messages[0].ID)
}

// Read returns up to count entries after an ID. With wait > 0 it waits so long for
// one, and returns none when none came.
func (s Stream) Read(ctx context.Context, after ID, count int64, wait time.Duration) ([]Entry, error) {
	if wait <= 0 {
		wait = -1 // the library's way to say: do not block
	}
	streams, err := s.Client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{Key, after.String()}, Count: count, Block: wait,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the live stream: %w", err)
	}
	var entries []Entry
	for _, stream := range streams {
		for _, m := range stream.Messages {
			e, err := entry(m)
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// entry reads a message. One that cannot be read is a gap: a publisher of another
// version wrote it.
func entry(m redis.XMessage) (Entry, error) {
	id, err := ParseID(m.ID)
	if err != nil {
		return Entry{}, err
	}
	value, _ := m.Values[field].(string)
	samples, gap, err := decode(value)
	if err != nil {
		return Entry{ID: id, Gap: true}, nil //nolint:nilerr // said in the comment above
	}
	return Entry{ID: id, Samples: samples, Gap: gap}, nil
}
