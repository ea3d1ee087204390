package inventory

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"
)

// zoneNames are the names of IANA's time zone database, a line each, as Go has them built
// in. What a machine has beside them (posix/…, right/…, localtime, Factory) means the same
// nowhere else, so it is asked for nothing here.
//
//go:embed zones.txt
var zoneNames string

var zones = sync.OnceValue(func() map[string]bool {
	known := map[string]bool{}
	for name := range strings.Lines(zoneNames) {
		known[strings.TrimSpace(name)] = true
	}
	return known
})

// isTimeZone reports whether name is an IANA time zone.
func isTimeZone(name string) bool { return zones()[name] }

// Location returns the IANA time zone of that name.
func Location(name string) (*time.Location, error) {
	if !isTimeZone(name) {
		return nil, fmt.Errorf("unknown time zone %q", name)
	}
	return time.LoadLocation(name)
}

// LocationOrUTC is Location, and UTC for a name that is unknown: it came by a way that asks
// no rule, and nothing stands still for it. managair check names the site.
func LocationOrUTC(name string) *time.Location {
	zone, err := Location(name)
	if err != nil {
		return time.UTC
	}
	return zone
}
