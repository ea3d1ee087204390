// Package notify tells people and programs what happened: by mail, by webhook, and in the
// places where they read messages. Whoever has something to tell writes a Message for a
// channel in the transaction in which its cause is written (enqueueNotifications of package postgres),
// and is done: the worker delivers it, tries again, and keeps a log.
//
// Delivery is at least once. What is written twice with the same key is there once, so the
// writer may repeat itself; what is sent twice, because nobody knows whether it arrived,
// has the same id, where the channel has a place for one.
package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// Message is what is to be told by a channel.
type Message struct {
	// Channel is the number of the channel. One that is gone is told nothing, and that is
	// no error.
	Channel int64
	// Key is what the writer knows the message by: a second one of the channel with the same
	// key is none. It is kept for as long as the log is. Keys of messages about one thing begin
	// alike, up to their second colon, such as "episode:7:opened": when a later one of these is
	// to be delivered, earlier ones that wait are needless, and are dropped.
	Key string
	// Kind says what the data are, such as "alert.opened". What is before the point is the
	// subject, which has a Writer.
	Kind string
	// Organization is whose it is about, 0: about none. An account that is no member any more
	// when it is sent is not told.
	Organization int64
	// Group makes one of many: messages of a channel and group that are due together are sent
	// as one. "": by itself.
	Group string
	// NotBefore is when it is to be sent; the zero time: now.
	NotBefore time.Time
	// Data is what happened, as programs get it; the Writer of the kind makes a text for
	// people of it.
	Data json.RawMessage
}

// Bounds of messages, in characters, and of data in bytes.
const (
	MaxKey   = 200
	MaxKind  = 60
	MaxGroup = 200
	MaxData  = 16 << 10
)

// Check returns what is wrong with the message, which is a mistake of its writer.
func (m *Message) Check() error {
	var problems []error
	bounded := func(what, text string, least, most int) {
		if n := utf8.RuneCountInString(text); n < least || n > most || !utf8.ValidString(text) {
			problems = append(problems, fmt.Errorf("%s of %d characters", what, n))
		}
	}
	bounded("a key", m.Key, 1, MaxKey)
	bounded("a kind", m.Kind, 1, MaxKind)
	bounded("a group", m.Group, 0, MaxGroup)
	if len(m.Data) > MaxData || !json.Valid(m.Data) || !utf8.Valid(m.Data) || !storable(m.Data) {
		problems = append(problems, fmt.Errorf("data of %d bytes, or no JSON that can be kept", len(m.Data)))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("a message that cannot be kept: %w", err)
	}
	return nil
}

// storable reports whether the database keeps the texts of JSON, which is valid: it keeps no NUL
// and no half of a character, which JSON has ways to write. An escaped backslash before a "u" is
// neither: names may have one.
func storable(data []byte) bool {
	high := false // the first half of a character was right before
	for len(data) > 0 {
		escape, code := 1, uint64(0)
		if data[0] == '\\' {
			if escape = 2; data[1] == 'u' {
				escape = 6
				code, _ = strconv.ParseUint(string(data[2:6]), 16, 32) // it is valid
				if code == 0 {
					return false
				}
			}
		}
		if low := code >= 0xDC00 && code <= 0xDFFF; low != high {
			return false
		}
		high = code >= 0xD800 && code <= 0xDBFF
		data = data[escape:]
	}
	return !high
}

// State is what became of a message.
type State string

// The states. A message that waits has been tried already, perhaps.
const (
	Waiting   State = "waiting"
	Delivered State = "delivered"
	// Dead is what was given up.
	Dead State = "dead"
	// Dropped is what was not to be told any more when its time came.
	Dropped State = "dropped"
)

// Notice is a message as people read it. All of it is plain text, in which names may stand
// that somebody else chose: channels set it in what they send.
type Notice struct {
	// Title is one line, such as the subject of a mail.
	Title string
	// Paragraphs are the text below it.
	Paragraphs []string
	// Link is where more is to be seen, a path of the web frontend, such as "/rooms/7".
	Link string
	// Overview is where it is seen among others like it. Several that have the same one lead there.
	Overview string
	// Urgent is what somebody should act on.
	Urgent bool
}

// Writer makes texts of the data of one subject, in a language (words.Languages). Each
// subject has its own, which app hands to the worker.
type Writer func(kind string, data json.RawMessage, language string) (Notice, error)
