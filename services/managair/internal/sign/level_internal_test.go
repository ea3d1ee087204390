package sign

import (
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/paper"
)

// The names of a level, in two languages and as many lines as they may have, are within its box.
func TestNamesOfLevelsAreInTheirBox(t *testing.T) {
	t.Parallel()
	if end := levelNames + levelLines*paper.LineHeight(paper.Style{Points: levelPoints}) + levelBetween; end > levelHigh {
		t.Errorf("names end at %.1f mm of a box of %.1f", end, levelHigh)
	}
}
