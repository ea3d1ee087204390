// Package logtest lets a test read a log while it is being written.
package logtest

import (
	"strings"
	"sync"
)

// Text collects a log.
type Text struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write adds to the log.
func (l *Text) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns what was logged.
func (l *Text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
