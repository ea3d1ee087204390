package alert

import "math"

// The machine's own times, in seconds. None of them is a norm's.
const (
	// recoverFor is for how long a value has to be well again: between two samples of a sensor
	// that sends every few minutes.
	recoverFor = 300
	// maxGap is how far two samples may lie apart for the air between them to be known. It is
	// twice the interval that nodes are expected to report in.
	maxGap = 2 * 3600
	// lateness is how late a sample may come and still be put in its place.
	lateness = 3600
)

// Phase is where the machine is.
type Phase uint8

// The phases.
const (
	Normal     Phase = iota // it is well
	Pending                 // it is bad, but not for long enough
	Alerting                // it is bad
	Recovering              // it was, and is well, but not for long enough
)

// State is what is known of a sensor by a condition, after a sample. Times are Unix seconds.
type State struct {
	Phase Phase
	// Last is the time of the sample, 0: there was none.
	Last int64
	// Since is when it became bad, or well again; OpenedAt when it had been so for long enough.
	Since, OpenedAt int64
	// Value is that of OpenedAt, Worst the worst since it became bad.
	Value, Worst float64
	// Ended is why it was bad last, until it is again.
	Ended Closing
}

// Open reports whether there is an episode.
func (s State) Open() bool { return s.Phase == Alerting || s.Phase == Recovering }

// Condition is what measured values are held against.
type Condition struct {
	Quantity Quantity
	// Above tells which side of Threshold is bad; Inclusive that Threshold itself is.
	Above, Inclusive bool
	// Clear is what a value has to come back to.
	Threshold, Clear float64
	// For is how long it has to be bad, in seconds.
	For          int64
	OccupiedOnly bool
}

// Quantity is a place in a reading.
type Quantity uint8

// The quantities.
const (
	ofCO2 Quantity = iota
	ofTemperature
	ofHumidity
	quantities
)

// bad reports whether a value is on the wrong side.
func (c *Condition) bad(value float64) bool {
	switch {
	case c.Inclusive && value == c.Threshold:
		return true
	case c.Above:
		return value > c.Threshold
	default:
		return value < c.Threshold
	}
}

// clear reports whether a value has come back far enough.
func (c *Condition) clear(value float64) bool {
	if c.bad(value) {
		return false
	}
	if c.Above {
		return value <= c.Clear
	}
	return value >= c.Clear
}

func (c *Condition) worse(value, than float64) bool {
	if c.Above {
		return value > than
	}
	return value < than
}

// Step returns the state after a sample. Values that are not known (NaN) change nothing, as if
// the sample had not come, and nor does one that is not later than all before it: whoever wants
// it in its place makes the state anew.
func (c *Condition) Step(s State, at int64, value float64, occupied bool) State {
	if math.IsNaN(value) || at <= s.Last {
		return s
	}
	if s.Last != 0 && at-s.Last > maxGap {
		s = s.end(NoData)
	}
	s.Last = at
	if c.OccupiedOnly && !occupied {
		return s.end(Unoccupied)
	}
	bad := c.bad(value)
	switch {
	case s.Phase == Normal && bad:
		s.Phase, s.Since, s.Worst, s.Ended = Pending, at, value, ""
	case s.Phase == Pending && !bad:
		return s.end(Recovered)
	case s.Phase == Alerting && c.clear(value):
		s.Phase, s.Since = Recovering, at
	case s.Phase == Recovering && !c.clear(value):
		s.Phase = Alerting
	}
	if s.Phase == Normal {
		return s
	}
	if bad && c.worse(value, s.Worst) {
		s.Worst = value
	}
	switch {
	case s.Phase == Pending && at-s.Since >= c.For:
		s.Phase, s.OpenedAt, s.Value = Alerting, at, value
	case s.Phase == Recovering && at-s.Since >= recoverFor:
		return s.end(Recovered)
	}
	return s
}

// end is the state when it is bad no more.
func (s State) end(why Closing) State {
	if !s.Open() {
		return State{Last: s.Last, Ended: s.Ended}
	}
	return State{Last: s.Last, Ended: why, Worst: s.Worst}
}
