package alert

import (
	"sync"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// presence knows whether people are in rooms. Where nobody said when they are, they may be there
// at any time: who wants to be told of bad air had better be told too often than never.
type presence struct {
	mu    sync.Mutex
	plans map[int64]timetable.Plan
	days  map[roomDay][]span
}

type roomDay struct {
	room, day int64
}

// span is a time in Unix seconds, without its end.
type span struct{ from, to int64 }

// always is the day of a room of which nothing is known.
var always = []span{{0, 1 << 62}}

func (p *presence) set(plans map[int64]timetable.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plans, p.days = plans, map[roomDay][]span{}
}

// at reports whether people are in a room at a time. Days are counted in UTC, so three of the
// site may reach into one.
func (p *presence) at(room, at int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	day := roomDay{room, at / 86_400}
	spans, ok := p.days[day]
	if !ok {
		spans = p.spans(room, at)
		p.days[day] = spans
	}
	for _, s := range spans {
		if s.from <= at && at < s.to {
			return true
		}
	}
	return false
}

func (p *presence) spans(room, at int64) []span {
	plan, ok := p.plans[room]
	if !ok {
		return always
	}
	today := civil.DateOf(time.Unix(at, 0).In(plan.Zone))
	var spans []span
	for d := -2; d <= 1; d++ { // a night may be of the day before
		day := plan.Day(today.AddDays(d))
		if !day.Known() {
			return always
		}
		for _, s := range day.Spans {
			spans = append(spans, span{s.From.Unix(), s.To.Unix()})
		}
	}
	return spans
}
