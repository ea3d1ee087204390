package logging

import (
	"context"
	"fmt"
	"log/slog"
)

// Library hands the messages of a library that prints them, such as asynq, to slog.
type Library struct {
	Log  *slog.Logger
	Name string
}

// Debug logs a message.
func (l Library) Debug(args ...any) { l.print(slog.LevelDebug, args) }

// Info logs a message, as Debug: what libraries find worth telling is rarely news.
func (l Library) Info(args ...any) { l.print(slog.LevelDebug, args) }

// Warn logs a message.
func (l Library) Warn(args ...any) { l.print(slog.LevelWarn, args) }

// Error logs a message.
func (l Library) Error(args ...any) { l.print(slog.LevelError, args) }

// Fatal logs a message as Error does: whether the process ends is ours to decide.
func (l Library) Fatal(args ...any) { l.print(slog.LevelError, args) }

func (l Library) print(level slog.Level, args []any) {
	l.Log.Log(context.Background(), level, "message of a library", "library", l.Name, "message", fmt.Sprint(args...))
}
