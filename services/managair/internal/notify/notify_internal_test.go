package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Whatever the JSON, a NUL in it is found, and nothing is taken for one.
func FuzzStorable(f *testing.F) {
	for _, seed := range []string{`"\u0000"`, `"\\u0000"`, `{"a\\\u0000": ["\ud83d\ude00"]}`, `"\ud83d"`, `1`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var all any
		if json.Unmarshal(data, &all) != nil {
			return
		}
		// Decoding makes U+FFFD of halves of characters.
		decoded := fmt.Sprint(all)
		switch got := storable(data); {
		case got && strings.Contains(decoded, "\x00"):
			t.Errorf("%q has a NUL", data)
		case !got && !strings.ContainsAny(decoded, "\x00\uFFFD") && !repeats(data):
			t.Errorf("%q has none", data)
		}
	})
}

// repeats reports whether JSON may have a key twice, of which decoding keeps the last one.
func repeats(data []byte) bool { return strings.Count(string(data), ":") > 1 }
