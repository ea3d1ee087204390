package profile

import (
	"errors"
	"slices"
)

// OutdoorPPM is taken for the concentration outdoors, which nobody measures: what
// package simulate and the pages say, too. Mauna Loa had some 430 ppm in 2025.
const OutdoorPPM = 420

// Role is the colour that a level has in pictures: the three of a traffic light.
type Role string

// The roles, the best one first. Two levels of a norm may have the same one.
const (
	Good     Role = "good"
	Elevated Role = "elevated"
	High     Role = "high"
)

var roles = []Role{Good, Elevated, High}

// Moment says how a norm is held against the moment, where it is about something else.
type Moment struct {
	// As is the profile whose levels the moment is held against. Empty: the profile's own.
	As string `json:"as,omitempty"`
	// Note tells readers so.
	Note Text `json:"note"`
}

// ScaleLevel is a level as it is held against one value.
type ScaleLevel struct {
	Role Role `json:"role"`
	// BelowPPM or UpToPPM is where it ends, in the room and not above outdoors; the last
	// level has neither.
	BelowPPM int  `json:"below_ppm,omitempty"`
	UpToPPM  int  `json:"up_to_ppm,omitempty"`
	Name     Text `json:"name"`
}

// Scale is what a profile says of air at this moment: the only place in which pages,
// charts and traffic lights find bounds and colours.
type Scale struct {
	// Profile is the id of the profile, and Name its name.
	Profile string `json:"profile"`
	Name    Text   `json:"name"`
	// Derived says what the scale was made of, where the norm has none of its own.
	Derived *Text `json:"derived,omitempty"`
	// Levels are the best one first.
	Levels []ScaleLevel `json:"levels"`
}

// Scale returns the momentary scale of the profile.
func (p *Profile) Scale() Scale {
	s := Scale{Profile: p.ID, Name: p.Name}
	of := p
	if p.Moment != nil {
		s.Derived = &p.Moment.Note
		if other, ok := Get(p.Moment.As); ok {
			of = &other
		}
	}
	base := 0
	if of.Base == Outdoor {
		base = OutdoorPPM
	}
	for _, l := range of.Levels {
		one := ScaleLevel{Role: l.Role, Name: l.Name}
		if l.BelowPPM > 0 {
			one.BelowPPM = base + l.BelowPPM
		}
		if l.UpToPPM > 0 {
			one.UpToPPM = base + l.UpToPPM
		}
		s.Levels = append(s.Levels, one)
	}
	return s
}

// LevelOf returns the level of a concentration.
func (s Scale) LevelOf(ppm float64) ScaleLevel {
	i := slices.IndexFunc(s.Levels, func(l ScaleLevel) bool {
		return !Level{BelowPPM: l.BelowPPM, UpToPPM: l.UpToPPM}.Beyond(ppm)
	})
	return s.Levels[i]
}

// elsewhere is the European standard, of countries that have no profile of their own.
const elsewhere = "en-16798"

// OfCountry returns the id of the profile by which rooms in a country (ISO 3166-1 alpha-2)
// are judged when nobody chose one: the country's own, or else the European standard.
func OfCountry(country string) string {
	i := slices.IndexFunc(all, func(p Profile) bool { return p.national && p.Country == country })
	if i < 0 {
		return elsewhere
	}
	return all[i].ID
}

// checkMoment looks whether the profile can be held against a moment.
func (p *Profile) checkMoment() error {
	last := 0
	for _, l := range p.Levels {
		at := slices.Index(roles, l.Role)
		if at < last {
			return errors.New("the roles of levels are good, elevated and high, and in this order")
		}
		last = at
	}
	if p.Levels[0].Role != Good || p.Levels[len(p.Levels)-1].Role != High {
		return errors.New("the role of the first level is good, and that of the last one high")
	}
	own := p.Averaging == Momentary && p.Base == Absolute
	switch {
	case own != (p.Moment == nil):
		return errors.New("what is not about moments says how it is held against one, and nothing else does")
	case p.Moment != nil && (!p.Moment.Note.complete() || p.Moment.As == p.ID || p.Moment.As == "" && p.Averaging == Calendar):
		return errors.New("the moment needs a note, and where there are no bounds another profile")
	}
	return nil
}
