package alert

import (
	"time"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Target is a sensor that a rule watches.
type Target struct {
	RuleID int64
	Kind   Kind
	NodeNo int32
	NodeID inventory.NodeID
	// RoomID is where it is, Since from when on, in Unix seconds; 0: nowhere.
	RoomID, Since int64
	// Condition is that of kinds that are measured.
	Condition Condition
	// Figure is the threshold of the other kinds, For how long it has to be so. Quantity is that
	// of a swing.
	Figure   float64
	For      time.Duration
	Quantity Quantity
}

// key is what there is one open episode of.
type key struct {
	rule int64
	node int32
}

func (t *Target) key() key { return key{t.RuleID, t.NodeNo} }

// judgedAs reports whether o is judged by the same, wherever they are.
func (t Target) judgedAs(o *Target) bool {
	t.RoomID, t.Since = o.RoomID, o.Since
	return t == *o
}

// OpenEpisode is one that the store has.
type OpenEpisode struct {
	ID       int64
	RuleID   int64
	NodeNo   int32
	RoomID   int64
	OpenedAt time.Time
	Worst    *float64
	// Threshold is what it was held against; nil: no figure.
	Threshold *float64
}

// watch is a target with what is known of it.
type watch struct {
	Target

	// base is the state before the window of its sensor, state the one after it.
	base, state State
	// episode is that of the store, 0: none.
	episode int64
}

// sensor is one that is watched.
type sensor struct {
	window  window
	watches []*watch
	// keep is how long readings are kept, in seconds, read how much of that was read.
	keep, read int64
	// behind says that a reading came late, so that the states are to be made anew.
	behind bool
}

// engine has all that is watched, in memory. It is not for several goroutines at a time.
type engine struct {
	sensors map[int32]*sensor
	watches map[key]*watch
	// fresh are watches without a state, changed those of them that were judged by other
	// conditions before.
	fresh   []*watch
	changed map[key]bool
	// behind are the sensors that are.
	behind []*sensor
	// occupied reports whether people are in a room.
	occupied func(room, at int64) bool
}

func newEngine(occupied func(room, at int64) bool) *engine {
	return &engine{sensors: map[int32]*sensor{}, watches: map[key]*watch{}, occupied: occupied}
}

// unread returns of which sensors readings are missing, of how many seconds, if what is had of each is this.
func unread(targets []Target, had map[int32]int64) map[int32]int64 {
	missing := map[int32]int64{}
	for i := range targets {
		if t := &targets[i]; t.Kind.measured() && t.Condition.For+lateness > had[t.NodeNo] {
			missing[t.NodeNo] = max(missing[t.NodeNo], t.Condition.For+lateness)
		}
	}
	return missing
}

// had returns how many seconds of readings there are of each sensor.
func (e *engine) had() map[int32]int64 {
	had := make(map[int32]int64, len(e.sensors))
	for no, s := range e.sensors {
		had[no] = s.read
	}
	return had
}

// watchAll makes the targets those that are watched. What is watched as before keeps its state. Then
// fill takes readings that are missing, and begin makes the states of what is new.
func (e *engine) watchAll(targets []Target) {
	before, known := e.sensors, e.watches
	e.sensors, e.watches = make(map[int32]*sensor, len(before)), make(map[key]*watch, len(targets))
	e.fresh, e.changed, e.behind = nil, map[key]bool{}, nil
	for _, t := range targets {
		if e.watches[t.key()] != nil {
			continue // a node is in one room at a time
		}
		w := known[t.key()]
		if w == nil || w.Target != t {
			if w != nil && !t.judgedAs(&w.Target) {
				e.changed[t.key()] = true
			}
			w = &watch{Target: t}
			e.fresh = append(e.fresh, w)
		}
		e.watches[t.key()] = w
		s := e.sensors[t.NodeNo]
		if s == nil {
			s = &sensor{}
			if old := before[t.NodeNo]; old != nil {
				s.window, s.read = old.window, old.read
			}
			e.sensors[t.NodeNo] = s
		}
		s.watches = append(s.watches, w)
		s.keep = max(s.keep, t.Condition.For+lateness)
	}
}

// fill takes the readings of a sensor that are from before.
func (e *engine) fill(node int32, w window) {
	s := e.sensors[node]
	if s == nil {
		return
	}
	for _, r := range s.window.readings {
		w.put(r, s.keep)
	}
	s.window = w
}

// begin makes the states of what is new, by the open episodes of the store. It returns those
// that are watched no more.
func (e *engine) begin(open []OpenEpisode, differs func(*watch)) (gone []OpenEpisode) {
	for _, s := range e.sensors {
		s.read = s.keep
	}
	episodes := make(map[key]OpenEpisode, len(open))
	for _, o := range open {
		k := key{o.RuleID, o.NodeNo}
		// What was so by another condition is neither so by the present one, nor over.
		if w := e.watches[k]; w == nil || w.RoomID != o.RoomID || e.changed[k] || w.figures() && o.Threshold != nil && *o.Threshold != w.Figure {
			gone = append(gone, o)
			continue
		}
		episodes[k] = o
	}
	for k, w := range e.watches {
		w.episode = episodes[k].ID
	}
	for _, w := range e.fresh {
		s := e.sensors[w.NodeNo]
		if w.episode != 0 {
			w.base = e.anchor(w, s, episodes[w.key()])
		}
		e.replay(s, w)
	}
	for _, w := range e.watches {
		if w.Kind.measured() && w.state.Open() != (w.episode != 0) {
			differs(w)
		}
	}
	e.fresh, e.changed = nil, nil
	return gone
}

// anchor is the state before the window of an episode that is open.
func (e *engine) anchor(w *watch, s *sensor, o OpenEpisode) State {
	opened := o.OpenedAt.Unix()
	if len(s.window.readings) > 0 && opened-w.Condition.For >= s.window.readings[0].at {
		return State{} // the window tells how it came about
	}
	state := State{Phase: Alerting, Last: opened, Since: opened, OpenedAt: opened}
	if o.Worst != nil {
		state.Value, state.Worst = *o.Worst, *o.Worst
	}
	if len(s.window.readings) > 0 {
		state.Last = max(opened, s.window.readings[0].at-maxGap)
	}
	return state
}

// replay makes the state of a watch anew.
func (e *engine) replay(s *sensor, w *watch) {
	w.state = w.base
	if !w.Kind.measured() {
		return
	}
	for i := range s.window.readings {
		w.state = e.step(w, w.state, &s.window.readings[i])
	}
}

func (e *engine) step(w *watch, s State, r *reading) State {
	if r.at < w.Since {
		return s // it is of another room
	}
	occupied := !w.Condition.OccupiedOnly || e.occupied(w.RoomID, r.at)
	return w.Condition.Step(s, r.at, r.values[w.Condition.Quantity], occupied)
}

// put takes a sample of a sensor and hands the watches that differ from the store to differs.
func (e *engine) put(node int32, sample measurement.Sample, differs func(*watch)) {
	s := e.sensors[node]
	if s == nil {
		return
	}
	r, ok := read(sample)
	if !ok {
		return
	}
	i, ok := s.window.put(r, s.keep)
	if !ok {
		return
	}
	if i < len(s.window.readings)-1 && !s.behind {
		s.behind = true
		e.behind = append(e.behind, s)
	}
	if !s.behind {
		for _, w := range s.watches {
			if w.Kind.measured() {
				w.state = e.step(w, w.state, &s.window.readings[i])
				w.compare(differs)
			}
		}
	}
	e.forget(s)
}

// catchUp makes the states anew of sensors of which readings came late: once, however many did.
// Until then they are as they were.
func (e *engine) catchUp(differs func(*watch)) {
	for _, s := range e.behind {
		s.behind = false
		for _, w := range s.watches {
			if w.Kind.measured() {
				e.replay(s, w)
				w.compare(differs)
			}
		}
	}
	e.behind = nil
}

// compare hands the watch to differs if it differs from the store.
func (w *watch) compare(differs func(*watch)) {
	if w.state.Open() != (w.episode != 0) {
		differs(w)
	}
}

// forget folds what is older than is kept into the states before the window. It is done for
// several readings at once: a window that begins a little earlier does no harm.
func (e *engine) forget(s *sensor) {
	const batch = 8
	n := s.window.old(s.keep)
	if n < batch {
		return
	}
	for _, w := range s.watches {
		if !w.Kind.measured() {
			continue
		}
		for i := range s.window.readings[:n] {
			w.base = e.step(w, w.base, &s.window.readings[i])
		}
	}
	s.window.drop(n)
}
