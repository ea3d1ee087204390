package rule_test

import (
	"regexp"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
)

func TestClean(t *testing.T) {
	t.Parallel()
	name := rule.Text{Max: 5}
	digits := rule.Text{Max: 5, Pattern: regexp.MustCompile(`^\d+$`), Wrong: reason.InvalidZip}
	even := rule.Text{Max: 5, Form: func(s string) bool { return len(s)%2 == 0 }, Wrong: reason.InvalidTimeZone}
	percent := rule.Int{Low: 0, High: 100}
	degrees := rule.Decimal{Digits: 5, Places: 2, Low: -90, High: 90}
	metres := rule.Decimal{Digits: 3, Places: 1, Low: 0, High: rule.Unbounded}
	for _, test := range []struct {
		name       string
		rule       rule.Rule
		text, want string
		code       string
	}{
		{"blanks around a text are cut", name, "  Saal ", "Saal", ""},
		{"length is counted in characters", name, "Größe", "Größe", ""},
		{"one character too many", name, "Größen", "", "max_length"},
		{"nothing", name, " ", "", "blank"},
		{"nothing, where that is allowed", rule.Free, " ", "", ""},
		{"a NUL", name, "a\x00", "", "null_characters_not_allowed"},
		{"no UTF-8", name, "\xff", "", "null_characters_not_allowed"},
		{"the right pattern", digits, "123", "123", ""},
		{"the wrong pattern", digits, "12a", "", "invalid"},
		{"the right form", even, "ab", "ab", ""},
		{"the wrong form", even, "abc", "", "invalid"},
		{"a whole number", percent, "100", "100", ""},
		{"a whole number with decimals", percent, "50.0", "50", ""},
		{"half a number", percent, "50.5", "", "invalid"},
		{"a number that is too small", percent, "-1", "", "min_value"},
		{"a number that is too large", percent, "101", "", "max_value"},
		{"a number that is long to compute", percent, "1e999999999", "", "invalid"},
		{"no number", percent, "ten", "", "invalid"},
		{"a decimal gets its places", degrees, "52.5", "52.50", ""},
		{"a decimal at its bound", degrees, "-90", "-90.00", ""},
		{"a decimal below", degrees, "-90.01", "", "min_value"},
		{"a decimal above", degrees, "90.01", "", "max_value"},
		{"too many places", degrees, "1.005", "", "max_decimal_places"},
		{"too many digits", metres, "100", "", "max_whole_digits"},
		{"no negative metres", metres, "-0.1", "", "min_value"},
		{"yes", rule.Bool{}, "on", "true", ""},
		{"no", rule.Bool{}, "F", "false", ""},
		{"maybe", rule.Bool{}, "maybe", "", "invalid"},
		{"one of them", rule.Choice{"O", "I"}, "I", "I", ""},
		{"none of them", rule.Choice{"O", "I"}, "i", "", "invalid_choice"},
	} {
		got, v := test.rule.Clean(test.text)
		code := ""
		if v != nil {
			code = v.Code()
		}
		if got != test.want || code != test.code {
			t.Errorf("%s: %q is %q, %q; want %q, %q", test.name, test.text, got, code, test.want, test.code)
		}
	}
}

// What Bounds tells is what Clean takes, and no more.
func TestBounds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule      rule.Decimal
		low, high string
		beyond    []string
	}{
		{rule.Decimal{Digits: 9, Places: 6, Low: -180, High: 180}, "-180", "180", []string{"-180.000001", "180.000001"}},
		{rule.Decimal{Digits: 5, Places: 1, Low: 0, High: rule.Unbounded}, "0", "9999.9", []string{"-0.1", "10000"}},
		{rule.Decimal{Digits: 3, Places: 0, Low: -rule.Unbounded, High: rule.Unbounded}, "-999", "999", []string{"-1000", "1000"}},
	} {
		low, high := test.rule.Bounds()
		if low != test.low || high != test.high {
			t.Errorf("%+v: %s to %s, want %s to %s", test.rule, low, high, test.low, test.high)
		}
		for _, bound := range []string{low, high} {
			if _, v := test.rule.Clean(bound); v != nil {
				t.Errorf("%+v: %s is refused: %v", test.rule, bound, v)
			}
		}
		for _, number := range test.beyond {
			if _, v := test.rule.Clean(number); v == nil {
				t.Errorf("%+v: %s is taken", test.rule, number)
			}
		}
	}
}
