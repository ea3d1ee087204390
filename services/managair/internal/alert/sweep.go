package alert

import (
	"context"
	"math"
	"slices"
	"time"
)

// sweep looks after what no sample tells: silence, faults, batteries, the change of a day, and
// alerts of which nothing more is heard.
func (l *leader) sweep(ctx context.Context, now time.Time) error {
	if err := l.sweepFacts(ctx, now); err != nil {
		return err
	}
	worst := map[int64]float64{}
	open := 0
	for _, w := range l.engine.watches {
		if w.Kind.measured() && w.state.Open() && now.Unix()-w.state.Last > maxGap {
			w.state = w.state.end(NoData)
			w.base = w.state
			l.differs(w)
		}
		if w.episode == 0 {
			continue
		}
		open++
		if w.Kind.measured() && w.state.Open() {
			worst[w.episode] = w.state.Worst
		}
	}
	l.metrics.open.Set(float64(open))
	if len(worst) > 0 {
		if err := l.store.NoteWorst(ctx, worst); err != nil {
			return err
		}
	}
	if due(&l.cleared, time.Hour) {
		if err := l.store.Clear(ctx, now.Add(-l.config.Keep)); err != nil {
			return err
		}
	}
	l.metrics.swept.Set(float64(now.Unix()))
	return nil
}

func (l *leader) sweepFacts(ctx context.Context, now time.Time) error {
	facts, fresh, err := l.store.Facts(ctx, now)
	if err != nil {
		return err
	}
	of := make(map[int32]*Fact, len(facts))
	for i := range facts {
		of[facts[i].NodeNo] = &facts[i]
	}
	for _, w := range l.engine.watches {
		if w.Kind.measured() || w.Kind == Swing || !fresh && w.Kind != Battery {
			continue // what nobody looked after is as it was
		}
		fact := of[w.NodeNo]
		if fact == nil {
			fact = &Fact{}
		}
		since, value, wrong := w.wrong(fact, now)
		l.turnTo(w, now, since, value, wrong)
	}
	return nil
}

// wrong reports whether what is known of a sensor is what the rule tells of, since when, and
// with which figure.
func (w *watch) wrong(f *Fact, now time.Time) (since time.Time, value float64, wrong bool) {
	switch w.Kind {
	case Silent:
		return f.SilentSince, 0, !f.SilentSince.IsZero() && now.Sub(f.SilentSince) >= w.For
	case Faulty:
		return f.FaultySince, 0, !f.FaultySince.IsZero() && now.Sub(f.FaultySince) >= w.For
	case Battery:
		soon := f.BatteryEmpty != nil && f.BatteryEmpty.Before(now.AddDate(0, 0, BatteryDays))
		value = math.NaN()
		if f.BatteryPercent != nil {
			value = *f.BatteryPercent
		}
		bound := w.Figure
		if w.told() {
			bound += 5 // a cold battery recovers a little
		}
		return now, value, soon || value < bound
	default:
		return now, 0, false
	}
}

// told reports whether it is known that it is so. A worker that has just taken over knows it by
// the episode.
func (w *watch) told() bool { return w.episode != 0 || w.state.Open() }

// turnTo makes the state what was found.
func (l *leader) turnTo(w *watch, now, since time.Time, value float64, wrong bool) {
	switch {
	case wrong && !w.state.Open():
		w.state = State{Phase: Alerting, OpenedAt: since.Unix(), Value: value, Worst: value}
	case !wrong && w.told():
		w.state = State{Ended: Recovered}
	}
	l.asOf(w, now)
}

// lose ends what nobody can judge any more.
func (l *leader) lose(w *watch, now time.Time) {
	if w.told() {
		w.state = State{Ended: NoData}
	}
	l.asOf(w, now)
}

func (l *leader) asOf(w *watch, now time.Time) {
	w.state.Last = now.Unix()
	if w.state.Open() != (w.episode != 0) {
		l.differs(w)
	}
}

// sweepSwings looks after the change of a day, which takes a while where many rules are for it.
func (l *leader) sweepSwings(ctx context.Context, now time.Time) error {
	if l.swinging.over() && due(&l.swung, l.config.Swings) {
		l.swinging = round{share: 4}
		for no, s := range l.engine.sensors {
			if slices.ContainsFunc(s.watches, (*watch).swings) {
				l.swinging.left = append(l.swinging.left, no)
			}
		}
	}
	const days = 50 // of 24 hours each
	few := func(nodes []int32) int { return min(len(nodes), days) }
	return l.swinging.goOn(false, few, func(some []int32) error {
		return l.timed("swings", func() error { return l.judgeSwings(ctx, some, now) })
	})
}

func (w *watch) swings() bool { return w.Kind == Swing }

func (l *leader) judgeSwings(ctx context.Context, nodes []int32, now time.Time) error {
	spans, err := l.store.Spans(ctx, nodes, now)
	if err != nil {
		return err
	}
	of := make(map[int32]*Span, len(spans))
	for i := range spans {
		of[spans[i].NodeNo] = &spans[i]
	}
	for _, no := range nodes {
		s := l.engine.sensors[no]
		if s == nil {
			continue // it was taken away meanwhile
		}
		for _, w := range s.watches {
			if w.swings() {
				l.judgeSwing(w, of[no], now)
			}
		}
	}
	return nil
}

// judgeSwing judges the change of a day. A sensor that died did not become steady: what is left
// of its day says nothing.
func (l *leader) judgeSwing(w *watch, span *Span, now time.Time) {
	if span == nil || now.Sub(span.Until) > maxGap*time.Second || math.IsNaN(span.Low[w.Quantity]) {
		l.lose(w, now)
		return
	}
	bound := w.Figure
	if w.told() {
		bound *= swingBack
	}
	swing := tenths(span.High[w.Quantity] - span.Low[w.Quantity])
	l.turnTo(w, now, now, swing, swing > bound)
}

// swingBack is the part of its threshold that a change has to come back to: one that is about as
// large as the threshold is one alert, and not one every hour.
const swingBack = 0.9
