// Package rule says which texts stand for a value, and in which form the value is
// kept. Every door hands over texts: attributes of documents, fields of forms, rows
// of files. A rule knows nothing of the door, so all of them refuse the same with
// the same code.
package rule

import (
	"cmp"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Rule is what a value must be like.
type Rule interface {
	// Clean returns the text in the form in which it is kept, or what is wrong with it;
	// the caller knows the field.
	Clean(text string) (string, *fault.Violation)
}

func broken(why reason.Reason, args ...any) *fault.Violation {
	return &fault.Violation{Reason: why, Args: args}
}

// Text is a text of up to Max characters without blanks around it.
type Text struct {
	Max int
	// Blank allows the empty text.
	Blank bool
	// Pattern and Form say which texts have the right form; Wrong is what is wrong with
	// the others. All may be missing.
	Pattern *regexp.Regexp
	Form    func(string) bool
	Wrong   reason.Reason
}

// MaxFreeText bounds texts that have no length of their own, in characters.
const MaxFreeText = 20_000

// Free is a text about which there is nothing to say.
var Free = Text{Max: MaxFreeText, Blank: true}

// Clean is part of Rule.
func (r Text) Clean(text string) (string, *fault.Violation) {
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		return "", broken(reason.NullCharactersNotAllowed)
	}
	text = strings.TrimSpace(text)
	switch {
	case utf8.RuneCountInString(text) > r.Max:
		return "", broken(reason.MaxLength, r.Max)
	case text == "" && !r.Blank:
		return "", broken(reason.Blank)
	case r.Pattern != nil && !r.Pattern.MatchString(text), r.Form != nil && !r.Form(text):
		return "", broken(cmp.Or(r.Wrong, reason.Invalid))
	}
	return text, nil
}

// Int is a whole number from Low to High. Numbers like 500.0 are whole, too.
type Int struct{ Low, High int64 }

// Clean is part of Rule.
func (r Int) Clean(text string) (string, *fault.Violation) {
	number, ok := parseNumber(text)
	if !ok || !number.IsInt() {
		return "", broken(reason.InvalidInteger)
	}
	switch n := number.Num(); {
	case n.Cmp(big.NewInt(r.Low)) < 0:
		return "", broken(reason.MinValue, r.Low)
	case n.Cmp(big.NewInt(r.High)) > 0:
		return "", broken(reason.MaxValue, r.High)
	default:
		return n.String(), nil
	}
}

// parseNumber reads a decimal number. Length and exponent are bounded, because
// 1e999999999 is short to write and long to compute.
func parseNumber(s string) (*big.Rat, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 40 || strings.ContainsAny(s, "/_xXpPoObB") {
		return nil, false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e > 40 || e < -40 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(s)
}

// Decimal is a number with up to Digits digits, Places of them after the point, from
// Low to High. It is kept with exactly that many places.
type Decimal struct {
	Digits, Places int
	Low, High      int64
}

// Unbounded is the High of a Decimal that only its digits bound, -Unbounded its Low.
const Unbounded = math.MaxInt64

// Bounds returns the least and the greatest number, as people write them.
func (r Decimal) Bounds() (low, high string) {
	bound := func(whole int64, sign string) string {
		if digits := strings.Repeat("9", r.Digits-r.Places); whole == Unbounded || whole == -Unbounded {
			return strings.TrimSuffix(sign+digits+"."+strings.Repeat("9", r.Places), ".")
		}
		return strconv.FormatInt(whole, 10)
	}
	return bound(r.Low, "-"), bound(r.High, "")
}

// Clean is part of Rule.
func (r Decimal) Clean(text string) (string, *fault.Violation) {
	number, ok := parseNumber(text)
	if !ok {
		return "", broken(reason.InvalidNumber)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(r.Places)), nil)
	wholeLimit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(r.Digits-r.Places)), nil)
	switch {
	case !new(big.Rat).Mul(number, new(big.Rat).SetInt(scale)).IsInt():
		return "", broken(reason.MaxDecimalPlaces, r.Places)
	case new(big.Rat).Abs(number).Cmp(new(big.Rat).SetInt(wholeLimit)) >= 0:
		return "", broken(reason.MaxWholeDigits, r.Digits-r.Places)
	case r.Low != -Unbounded && number.Cmp(big.NewRat(r.Low, 1)) < 0:
		return "", broken(reason.MinValue, r.Low)
	case r.High != Unbounded && number.Cmp(big.NewRat(r.High, 1)) > 0:
		return "", broken(reason.MaxValue, r.High)
	default:
		return number.FloatString(r.Places), nil
	}
}

// Bool is a truth value, also in the words that forms send.
type Bool struct{}

// Clean is part of Rule.
func (Bool) Clean(text string) (string, *fault.Violation) {
	switch word := strings.ToLower(text); {
	case slices.Contains([]string{"true", "1", "yes", "on", "y", "t"}, word):
		return "true", nil
	case slices.Contains([]string{"false", "0", "no", "off", "n", "f"}, word):
		return "false", nil
	default:
		return "", broken(reason.InvalidBoolean)
	}
}

// Choice is one of a few texts.
type Choice []string

// Clean is part of Rule.
func (r Choice) Clean(text string) (string, *fault.Violation) {
	if !slices.Contains(r, text) {
		return "", broken(reason.InvalidChoice, text, strings.Join(r, ", "))
	}
	return text, nil
}
