package alert

import (
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Row is a rule and a sensor that it watches, as the store has them.
type Row struct {
	RuleID                int64
	Kind                  Kind
	Quantity              string
	Threshold, Hysteresis *float64
	ForS                  *int64
	OccupiedOnly          bool
	NodeNo                int32
	NodeID                inventory.NodeID
	RoomID, Since         int64
	// Judged says by which profile the room is judged. Without a room there is no zone.
	inventory.Judged
}

// Target makes a target of the row.
func (r *Row) Target() Target {
	t := Target{RuleID: r.RuleID, Kind: r.Kind, NodeNo: r.NodeNo, NodeID: r.NodeID, RoomID: r.RoomID, Since: r.Since, Quantity: quantityOf(r.Quantity)}
	if r.Threshold != nil {
		t.Figure = *r.Threshold
	}
	if r.ForS != nil {
		t.For = time.Duration(*r.ForS) * time.Second
	}
	if !r.Kind.measured() {
		return t
	}
	c := Condition{Quantity: t.Quantity, Above: r.Kind != Below, Threshold: t.Figure, For: int64(defaultFor / time.Second), OccupiedOnly: r.OccupiedOnly}
	if r.ForS != nil {
		c.For = *r.ForS
	}
	back := hysteresis[r.Quantity]
	if r.Kind == Profile {
		c.Threshold, c.Inclusive = limit(r.Profile())
		back = hysteresis[CO2]
	}
	if r.Hysteresis != nil {
		back = *r.Hysteresis
	}
	if c.Clear = tenths(c.Threshold + back); c.Above {
		c.Clear = tenths(c.Threshold - back)
	}
	t.Condition, t.Figure, t.For = c, c.Threshold, 0
	return t
}

func quantityOf(name string) Quantity {
	switch name {
	case Temperature:
		return ofTemperature
	case Humidity:
		return ofHumidity
	default:
		return ofCO2
	}
}

// limit returns what CO2 in a room must not exceed to be good by a profile, and whether it must
// not reach it either.
func limit(p profile.Profile) (ppm float64, inclusive bool) {
	if p.Averaging == profile.Calendar {
		return airquality.ExcessPPM, true // it has no bounds of its own
	}
	level := p.Limit()
	ppm = float64(level.BoundPPM())
	if p.Base == profile.Outdoor {
		ppm += verdict.OutdoorPPM
	}
	return ppm, level.BelowPPM > 0
}
