// Command limits writes what the fields of the inventory may hold as a module of
// TypeScript, for the forms of the web frontend.
package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
	"github.com/clairberlin/clair-stack/services/managair/internal/token"
)

const head = `// Code generated from services/managair/internal/inventory by tools/dev/generate.sh. DO NOT EDIT.
// What the fields of forms may hold, by the names of the API; each can be spread over a Field.
`

func main() {
	if err := write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "limits:", err)
		os.Exit(1)
	}
}

func write(w io.Writer) error {
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	book := inventory.Book()
	for _, table := range slices.Sorted(maps.Keys(book)) {
		var lines strings.Builder
		for _, f := range book[table] {
			if limits := limitsOf(f); len(limits) > 0 {
				fmt.Fprintf(&lines, "  %s: { %s },\n", f.Name, strings.Join(limits, ", "))
			}
		}
		if lines.Len() == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "\nexport const %s = {\n%s};\n", camel(table), lines.String()); err != nil {
			return err
		}
	}
	// What is beside the things of the book.
	_, err := fmt.Fprintf(w, "\nexport const claimCode = { maxlength: %d };\n\nexport const tokenName = { required: true, maxlength: %d };\n"+
		"\nexport const exceptionName = { maxlength: %d };\n\nexport const calendarUrl = { maxlength: %d };\n"+
		"\n/** What is above, no sensor can measure. */\nexport const GREATEST_CO2_PPM = %d;\n",
		claim.MaxCode, token.Name.Max, timetable.MaxName, timetable.MaxURL, measurement.GreatestCO2PPM)
	return err
}

// limitsOf returns the attributes of HTML that say what the rule of a field says. What
// is no text or number is chosen, not written.
func limitsOf(f inventory.Field) []string {
	var limits []string
	required := !f.Null
	number := func(low, high string, places int) {
		step := strconv.FormatFloat(1/pow10(places), 'f', -1, 64)
		limits = append(limits, "min: "+low, "max: "+high, "step: "+step)
	}
	switch r := f.Rule.(type) {
	case rule.Text:
		required = required && !r.Blank
		limits = append(limits, "maxlength: "+strconv.Itoa(r.Max))
	case rule.Int:
		number(strconv.FormatInt(r.Low, 10), strconv.FormatInt(r.High, 10), 0)
	case rule.Decimal:
		low, high := r.Bounds()
		number(low, high, r.Places)
	case inventory.EUI:
		limits = append(limits, "maxlength: "+strconv.Itoa(inventory.MaxEUI))
	case inventory.UUID:
		// Whoever leaves it empty leaves it to us.
		return []string{"maxlength: " + strconv.Itoa(inventory.MaxUUID)}
	default:
		return nil
	}
	if required {
		limits = append([]string{"required: true"}, limits...)
	}
	return limits
}

func pow10(places int) float64 {
	n := 1.0
	for range places {
		n *= 10
	}
	return n
}

// camel writes node_model as nodeModel.
func camel(table string) string {
	words := strings.Split(table, "_")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
