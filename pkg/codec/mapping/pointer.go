package mapping

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Bounds of a pointer.
const (
	maxPointerBytes = 256
	maxPointerDepth = 16
)

// Pointer is a JSON Pointer (RFC 6901): the place of a value in a document.
type Pointer struct {
	text   string
	tokens []string
}

// What stands for the characters that mean something in a pointer.
var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// ParsePointer reads a pointer such as /air/co2. An empty one is the whole document.
func ParsePointer(s string) (Pointer, error) {
	if s == "" {
		return Pointer{}, nil
	}
	if len(s) > maxPointerBytes || strings.Count(s, "/") > maxPointerDepth {
		return Pointer{}, errors.New("it is too long")
	}
	if s[0] != '/' {
		return Pointer{}, errors.New("a JSON pointer begins with a slash")
	}
	p := Pointer{text: s, tokens: strings.Split(s[1:], "/")}
	for i, token := range p.tokens {
		if rest := strings.NewReplacer("~0", "", "~1", "").Replace(token); strings.Contains(rest, "~") {
			return Pointer{}, errors.New("in a JSON pointer, ~ is written ~0")
		}
		p.tokens[i] = unescape.Replace(token)
	}
	return p, nil
}

// String returns the pointer as it was written.
func (p Pointer) String() string { return p.text }

// Find returns the value at the place, one that does not exist where there is none.
func (p Pointer) Find(v gjson.Result) gjson.Result {
	for _, token := range p.tokens {
		switch {
		case v.IsObject():
			v = member(v, token)
		case v.IsArray():
			v = element(v, token)
		default:
			return gjson.Result{}
		}
		if !v.Exists() {
			return v
		}
	}
	return v
}

// member returns the first member of a name.
func member(object gjson.Result, name string) (found gjson.Result) {
	object.ForEach(func(key, value gjson.Result) bool {
		if key.Str != name {
			return true
		}
		found = value
		return false
	})
	return found
}

// element returns the element of an index as RFC 6901 writes it: digits without leading zeros.
func element(array gjson.Result, token string) (found gjson.Result) {
	index, err := strconv.Atoi(token)
	if err != nil || strconv.Itoa(index) != token || index < 0 {
		return found
	}
	array.ForEach(func(_, value gjson.Result) bool {
		if index > 0 {
			index--
			return true
		}
		found = value
		return false
	})
	return found
}
