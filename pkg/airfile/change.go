package airfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/clairberlin/clair-stack/pkg/civil"
)

// Since returns what is other in a document than in the version before.
func (d *Document) Since(before *Document) (*Changes, error) {
	c := differ{days: map[civil.Date][]Subject{}}
	c.compare(OfNorm, before.Norm.Judging(), d.Norm.Judging())
	c.compare(OfNorm, before.OutdoorPPM, d.OutdoorPPM)
	c.compare(OfTimeZone, before.Period, d.Period)
	compareDays(&c, OfOccupied, before.OccupiedDays, d.OccupiedDays, func(o OccupiedDay) civil.Date { return o.Date })
	c.compare(OfInstallations, before.sensors(), d.sensors())
	compareDays(&c, OfSamples, before.Samples.Days, d.Samples.Days, func(s SampleDay) civil.Date { return s.Date })
	compareDays(&c, OfResult, before.Result.Days, d.Result.Days, func(r Day) civil.Date { return r.Date })
	c.compare(OfSamples, before.Samples, d.Samples)
	c.compare(OfResult, before.Result, d.Result)
	changes := &Changes{Since: before.Version, Of: append([]Subject{}, c.of...), Days: []ChangedDay{}}
	for _, date := range slices.SortedFunc(maps.Keys(c.days), civil.Date.Compare) {
		changes.Days = append(changes.Days, ChangedDay{date, c.days[date]})
	}
	if changes.Figures = figures(&c, &before.Result, &d.Result); c.err != nil {
		return nil, fmt.Errorf("compare two versions: %w", c.err)
	}
	return changes, nil
}

// sensors are the installations without what is known of their health.
func (d *Document) sensors() []Installation {
	all := slices.Clone(d.Installations)
	for i := range all {
		// How many samples there are is told of the samples.
		all[i].Health, all[i].Sensor.SampleCount = nil, 0
	}
	return all
}

// differ compares, and gathers what differs.
type differ struct {
	of   []Subject
	days map[civil.Date][]Subject
	err  error
}

// differs reports whether two values differ in their canonical form.
func (c *differ) differs(before, after any) bool {
	b, err := canonical(before)
	if err == nil {
		var a []byte
		if a, err = canonical(after); err == nil {
			return !bytes.Equal(a, b)
		}
	}
	c.err = err
	return false
}

func (c *differ) compare(what Subject, before, after any) {
	if !slices.Contains(c.of, what) && c.differs(before, after) {
		c.of = append(c.of, what)
	}
}

// compareDays compares what is told of days.
func compareDays[T any](c *differ, what Subject, before, after []T, date func(T) civil.Date) {
	days := map[civil.Date]*[2]*T{}
	for n, list := range [][]T{before, after} {
		for i := range list {
			at := date(list[i])
			if days[at] == nil {
				days[at] = &[2]*T{}
			}
			days[at][n] = &list[i]
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(days), civil.Date.Compare) {
		pair := days[at]
		if c.differs(pair[0], pair[1]) {
			c.days[at] = append(c.days[at], what)
			if !slices.Contains(c.of, what) {
				c.of = append(c.of, what)
			}
		}
	}
}

// figures are those of the result that are other. Days and times of exceedance are no
// figures: there may be hundreds.
func figures(c *differ, before, after *Result) []Figure {
	b, a := members(c, before), members(c, after)
	list := []Figure{}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		value := a[name]
		if name != "days" && name != "exceedances" && c.differs(b[name], value) {
			list = append(list, Figure{name, b[name], value})
		}
	}
	return list
}

// members returns a result by the names of its fields.
func members(c *differ, r *Result) (all map[string]json.RawMessage) {
	text, err := canonical(r)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		c.err = err
	}
	return all
}
