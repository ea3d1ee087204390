package civil

import (
	"fmt"
	"regexp"
	"strconv"
)

// Clock is what a clock on the wall shows, in minutes since midnight: 0 to EndOfDay.
type Clock int

// EndOfDay is the midnight at which a day ends; it is written 24:00.
const EndOfDay Clock = 24 * 60

var clockForm = regexp.MustCompile(`^([01]?[0-9]|2[0-4]):([0-5][0-9])$`)

// ParseClock reads a time like 8:00, 08:00 or 24:00.
func ParseClock(text string) (Clock, error) {
	parts := clockForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%q is not a time of day like 08:00", text)
	}
	hours, _ := strconv.Atoi(parts[1])
	minutes, _ := strconv.Atoi(parts[2])
	c := Clock(hours*60 + minutes)
	if c > EndOfDay {
		return 0, fmt.Errorf("%q is after the end of the day, which is 24:00", text)
	}
	return c, nil
}

func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalText writes 08:00.
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is ParseClock.
func (c *Clock) UnmarshalText(text []byte) (err error) {
	*c, err = ParseClock(string(text))
	return err
}
