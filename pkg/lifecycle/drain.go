package lifecycle

import (
	"context"
	"time"
)

// Drain returns a part that puts off the stop of those before it by delay (0: not
// at all). As the last part of a server it keeps the server answering while a
// proxy or a balancing client still sends requests, because it learns of the end
// of a process only some seconds after SIGTERM. The delay counts towards the grace
// that Run is given.
func Drain(delay time.Duration) Part {
	return Part{Name: "drain", Run: func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done()
		time.Sleep(delay)
		return nil
	}}
}
