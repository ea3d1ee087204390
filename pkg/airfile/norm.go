package airfile

import (
	"errors"
	"fmt"
	"slices"

	"github.com/clairberlin/clair-stack/pkg/profile"
)

// Norm is the profile as it was applied: what judges, and what it is called. It is a type of its
// own, as files say the same for ever while profiles grow: a field more would be another
// format.
type Norm struct {
	ID        string      `json:"id"`
	Version   int         `json:"version"`
	Name      Text        `json:"name"`
	Paragraph string      `json:"paragraph"`
	Averaging string      `json:"averaging"`
	LessonMin int         `json:"lesson_minutes"` // 0: it has no lessons
	Base      string      `json:"base"`
	Levels    []NormLevel `json:"levels"` // the best one first
	Needs     Needs       `json:"needs"`
}

// Text is something that people read.
type Text struct {
	DE string `json:"de"`
	EN string `json:"en"`
}

// NormLevel is a class of air. 0: no such bound.
type NormLevel struct {
	ID               string  `json:"id"`
	Name             Text    `json:"name"`
	BelowPPM         int     `json:"below_ppm"`
	UpToPPM          int     `json:"up_to_ppm"`
	TolerancePercent float64 `json:"tolerance_percent"`
	Good             bool    `json:"good"`
}

// Needs is what a sensor must be like. 0: it does not matter.
type Needs struct {
	RangePPM        int     `json:"range_ppm"`
	ResolutionPPM   int     `json:"resolution_ppm"`
	IntervalS       int     `json:"interval_s"`
	AccuracyPPM     float64 `json:"accuracy_ppm"`
	AccuracyPercent float64 `json:"accuracy_percent"`
}

// NewNorm returns what files have of a profile.
func NewNorm(p *profile.Profile) Norm {
	n := Norm{
		ID: p.ID, Version: p.Version, Name: Text{p.Name.DE, p.Name.EN}, Paragraph: p.Paragraph,
		Averaging: string(p.Averaging), LessonMin: p.LessonMinutes, Base: string(p.Base), Levels: make([]NormLevel, len(p.Levels)),
		Needs: Needs{p.Needs.RangePPM, p.Needs.ResolutionPPM, p.Needs.IntervalS, p.Needs.AccuracyPPM, p.Needs.AccuracyPercent},
	}
	for i, l := range p.Levels {
		n.Levels[i] = NormLevel{l.ID, Text{l.Name.DE, l.Name.EN}, l.BelowPPM, l.UpToPPM, l.TolerancePercent, l.Good}
	}
	return n
}

// Profile returns the profile to judge by. What files do not have of it is empty.
func (n *Norm) Profile() *profile.Profile {
	p := &profile.Profile{
		ID: n.ID, Version: n.Version, Name: profile.Text{DE: n.Name.DE, EN: n.Name.EN}, Paragraph: n.Paragraph,
		Averaging: profile.Averaging(n.Averaging), LessonMinutes: n.LessonMin, Base: profile.Base(n.Base),
		Needs: profile.Needs{
			RangePPM: n.Needs.RangePPM, ResolutionPPM: n.Needs.ResolutionPPM, IntervalS: n.Needs.IntervalS,
			AccuracyPPM: n.Needs.AccuracyPPM, AccuracyPercent: n.Needs.AccuracyPercent,
		},
	}
	for _, l := range n.Levels {
		p.Levels = append(p.Levels, profile.Level{
			ID: l.ID, Name: profile.Text{DE: l.Name.DE, EN: l.Name.EN}, BelowPPM: l.BelowPPM, UpToPPM: l.UpToPPM,
			TolerancePercent: l.TolerancePercent, Good: l.Good,
		})
	}
	return p
}

// Judging returns the norm without its words: two that judge alike are alike.
func (n Norm) Judging() Norm {
	n.Name, n.Paragraph = Text{}, ""
	n.Levels = slices.Clone(n.Levels)
	for i := range n.Levels {
		n.Levels[i].Name = Text{}
	}
	return n
}

// check refuses what could not be judged by. It is what files of this format may have, and so
// does not follow what profiles may have today.
func (n *Norm) check() error {
	last := len(n.Levels) - 1
	switch {
	case n.ID == "" || n.Version < 1:
		return errors.New("norm: it has no id or no version")
	case !slices.Contains([]string{"momentary", "lesson", "day", "calendar"}, n.Averaging):
		return fmt.Errorf("norm: averaging %q is unknown", n.Averaging)
	case n.Base != "absolute" && n.Base != "outdoor":
		return fmt.Errorf("norm: base %q is unknown", n.Base)
	case (n.Averaging == "lesson") != (n.LessonMin > 0) || n.LessonMin < 0 || n.LessonMin > 24*60:
		return errors.New("norm: lessons have minutes, and nothing else has")
	case min(n.Needs.RangePPM, n.Needs.ResolutionPPM, n.Needs.IntervalS) < 0 || min(n.Needs.AccuracyPPM, n.Needs.AccuracyPercent) < 0:
		return errors.New("norm: sensors cannot be that good")
	case last < 1 || last >= 10 || !n.Levels[0].Good || n.Levels[last].Good:
		return errors.New("norm: of two to ten levels the first one is good, and the last one is not")
	}
	bound := 0
	for i, l := range n.Levels {
		here := max(l.BelowPPM, l.UpToPPM)
		first := slices.IndexFunc(n.Levels, func(other NormLevel) bool { return other.ID == l.ID })
		bounded := n.Averaging != "calendar" && i < last
		switch {
		case l.ID == "" || first != i || i > 0 && l.Good && !n.Levels[i-1].Good || l.TolerancePercent < 0 || l.TolerancePercent > 50:
			return fmt.Errorf("norm: level %d is none", i)
		case !bounded && (l.BelowPPM != 0 || l.UpToPPM != 0 || l.TolerancePercent != 0):
			return fmt.Errorf("norm: level %s must not have a bound", l.ID)
		case bounded && ((l.BelowPPM > 0) == (l.UpToPPM > 0) || min(l.BelowPPM, l.UpToPPM) < 0 || here > 10_000 || here <= bound):
			return fmt.Errorf("norm: level %s has no bound above that of the one before", l.ID)
		}
		bound = here
	}
	return nil
}
