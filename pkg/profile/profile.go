// Package profile has the rules by which the air of a room may be judged, as data: one
// file for each norm or recommendation, with its source. Package verdict is what applies
// them, the same way for all.
//
// The trap: what a norm says of a moment or a lesson is not yet a rule for a month. How
// much of the occupied time may be beyond a bound is in the file as well, and its note
// says whether that is the norm's own or ours.
package profile

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Default is the id of the profile of rooms for which none was chosen: the values of the
// German Environment Agency, which are those of ASR A3.6.
const Default = "de-uba"

// Text is something that people read.
type Text struct {
	DE string `json:"de"`
	EN string `json:"en"`
}

// Averaging is what the bounds of a profile are held against.
type Averaging string

// The ways.
const (
	// Momentary: each point of the course of the air, one in ten minutes of occupied time.
	Momentary Averaging = "momentary"
	// Lesson: the mean of a lesson, which is a span of occupied time or a part of one.
	Lesson Averaging = "lesson"
	// Day: the mean of a day's occupied time.
	Day Averaging = "day"
	// Calendar: whole calendar days by the rules of the predecessor's medal, whether
	// anybody was there or not (package airquality). For comparison only.
	Calendar Averaging = "calendar"
)

// Base is what bounds are counted from.
type Base string

// The bases.
const (
	Absolute Base = "absolute" // the concentration in the room
	Outdoor  Base = "outdoor"  // how far that is above the concentration outdoors
)

// Source is where a rule can be read. Its title is in its own language, Lang (BCP 47).
type Source struct {
	Title string `json:"title"`
	Lang  string `json:"lang"`
	// About says in the reader's language what is to be found there.
	About *Text  `json:"about,omitempty"`
	URL   string `json:"url,omitempty"`
}

// Level is a class of air. It ends at one of two kinds of bound, the last one at none.
type Level struct {
	// ID is unique in its profile.
	ID   string `json:"id"`
	Name Text   `json:"name"`
	// BelowPPM is what air of this level must not reach, UpToPPM what it may reach.
	BelowPPM int `json:"below_ppm,omitempty"`
	UpToPPM  int `json:"up_to_ppm,omitempty"`
	// TolerancePercent is how much of the occupied time, of the lessons or of the days may
	// be beyond the bound. 0: none.
	TolerancePercent float64 `json:"tolerance_percent,omitempty"`
	// Role is its colour in pictures of the moment.
	Role Role `json:"role"`
	// Good: nobody who knows the norm objects when such air is called good.
	Good bool `json:"good,omitempty"`
}

// BoundPPM returns the bound, 0 when there is none.
func (l Level) BoundPPM() int { return max(l.BelowPPM, l.UpToPPM) }

// Beyond reports whether a concentration, counted from the profile's base, is too high
// for the level.
func (l Level) Beyond(ppm float64) bool {
	switch {
	case l.BelowPPM > 0:
		return ppm >= float64(l.BelowPPM)
	case l.UpToPPM > 0:
		return ppm > float64(l.UpToPPM)
	default:
		return false
	}
}

// Needs is what a sensor must be like to judge by a profile. Zero: it does not matter.
type Needs struct {
	// RangePPM must be in the sensor's range.
	RangePPM int `json:"range_ppm,omitempty"`
	// ResolutionPPM is the largest step between values.
	ResolutionPPM int `json:"resolution_ppm,omitempty"`
	// IntervalS is the longest time between measurements, in seconds.
	IntervalS int `json:"interval_s,omitempty"`
	// AccuracyPPM and AccuracyPercent are the largest error, ppm and a share of the value.
	AccuracyPPM     float64 `json:"accuracy_ppm,omitempty"`
	AccuracyPercent float64 `json:"accuracy_percent,omitempty"`
}

// Interval returns the longest time between measurements.
func (n Needs) Interval() time.Duration { return time.Duration(n.IntervalS) * time.Second }

// Profile is a way to judge air.
type Profile struct {
	ID string `json:"id"`
	// Version grows when anything changes that may change a verdict.
	Version int `json:"version"`
	// Country is where it is a rule (ISO 3166-1 alpha-2), empty for one of many countries.
	Country string `json:"country,omitempty"`
	Name    Text   `json:"name"`
	// Paragraph is where in which text the rule stands.
	Paragraph string `json:"paragraph"`
	// Lang is the language of that text (BCP 47).
	Lang    string   `json:"lang"`
	Sources []Source `json:"sources"`
	// Note says what the norm leaves open, and how that was decided.
	Note      Text      `json:"note"`
	Averaging Averaging `json:"averaging"`
	// LessonMinutes is how long a lesson is, where Averaging is Lesson; longer spans are
	// cut.
	LessonMinutes int  `json:"lesson_minutes,omitempty"`
	Base          Base `json:"base"`
	// Moment is nil where the norm itself speaks of the moment.
	Moment *Moment `json:"moment,omitempty"`
	// Levels are the classes, the best one first.
	Levels []Level `json:"levels"`
	Needs  Needs   `json:"needs"`

	// national: rooms in Country are judged by it when nobody chose another one. It is no
	// part of the norm, and so of no document about one.
	national bool
}

// file is a profile as it stands in data.
type file struct {
	Profile
	National bool `json:"national"`
}

// Limit returns the last level that is good.
func (p *Profile) Limit() Level {
	i := slices.IndexFunc(p.Levels, func(l Level) bool { return !l.Good })
	return p.Levels[i-1]
}

// Level returns a level by its id.
func (p *Profile) Level(id string) (Level, bool) {
	i := slices.IndexFunc(p.Levels, func(l Level) bool { return l.ID == id })
	if i < 0 {
		return Level{}, false
	}
	return p.Levels[i], true
}

//go:embed data/*.json
var files embed.FS

var all = mustLoad()

// All returns the profiles that there are: the default one first, the one for comparison
// last. They must not be changed.
func All() []Profile { return all }

// Get returns a profile by its id.
func Get(id string) (Profile, bool) {
	i := slices.IndexFunc(all, func(p Profile) bool { return p.ID == id })
	if i < 0 {
		return Profile{}, false
	}
	return all[i], true
}

func mustLoad() []Profile {
	entries, err := files.ReadDir("data")
	if err != nil {
		panic(err)
	}
	profiles := make([]Profile, len(entries))
	for i, e := range entries {
		content, err := files.ReadFile(path.Join("data", e.Name()))
		if err == nil {
			profiles[i], err = Parse(content)
		}
		if err != nil || profiles[i].ID != strings.TrimSuffix(e.Name(), ".json") {
			panic(fmt.Sprintf("profile %s (%s): %v", e.Name(), profiles[i].ID, err))
		}
		if p := profiles[i]; p.national && slices.ContainsFunc(profiles[:i], func(other Profile) bool { return other.national && other.Country == p.Country }) {
			panic(fmt.Sprintf("profile %s: %s has another one", p.ID, p.Country))
		}
	}
	rank := func(p Profile) int {
		switch {
		case p.ID == Default:
			return 0
		case p.Averaging != Calendar:
			return 1
		default:
			return 2
		}
	}
	slices.SortStableFunc(profiles, func(a, b Profile) int { return rank(a) - rank(b) })
	return profiles
}

// maxBytes is how long a profile may be.
const maxBytes = 64 << 10

// IDPattern is what ids of profiles look like.
const IDPattern = "^[a-z0-9][a-z0-9-]{0,39}$"

var langForm = regexp.MustCompile(`^[a-z]{2}$`)

var idForm = regexp.MustCompile(IDPattern)

// Parse reads a profile, and refuses one that could not be applied, or could say good of
// air that is worse than what it calls bad.
func Parse(content []byte) (Profile, error) {
	if len(content) > maxBytes {
		return Profile{}, fmt.Errorf("profile: more than %d bytes", maxBytes)
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Profile{}, fmt.Errorf("profile: %w", err)
	}
	p := f.Profile
	p.national = f.National
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Profile{}, errors.New("profile: something follows it")
	}
	if err := p.check(); err != nil {
		return Profile{}, fmt.Errorf("profile %q: %w", p.ID, err)
	}
	return p, nil
}

func (p *Profile) check() error {
	switch {
	case !idForm.MatchString(p.ID):
		return errors.New("the id is not one")
	case p.Version < 1:
		return errors.New("the version is not one")
	case !p.Name.complete() || p.Paragraph == "" || len(p.Sources) == 0:
		return errors.New("it needs names, a paragraph and a source")
	case !slices.Contains([]Averaging{Momentary, Lesson, Day, Calendar}, p.Averaging):
		return fmt.Errorf("averaging %q is unknown", p.Averaging)
	case p.Base != Absolute && p.Base != Outdoor:
		return fmt.Errorf("base %q is unknown", p.Base)
	case (p.Averaging == Lesson) != (p.LessonMinutes > 0) || p.LessonMinutes < 0 || p.LessonMinutes > 24*60:
		return errors.New("lessons have minutes, and nothing else has")
	case p.Needs.RangePPM < 0 || p.Needs.ResolutionPPM < 0 || p.Needs.IntervalS < 0 || p.Needs.AccuracyPPM < 0 || p.Needs.AccuracyPercent < 0:
		return errors.New("sensors cannot be that good")
	case p.national && p.Country == "":
		return errors.New("it is no country's own")
	case len(p.Levels) < 2 || len(p.Levels) > 10:
		return errors.New("it needs two to ten levels")
	case !p.Levels[0].Good || p.Levels[len(p.Levels)-1].Good:
		return errors.New("the first level is good, and the last one is not")
	}
	if slices.ContainsFunc(p.Sources, func(s Source) bool { return s.Title == "" || !langForm.MatchString(s.Lang) }) || !langForm.MatchString(p.Lang) {
		return errors.New("paragraph and sources have a title and a language")
	}
	return errors.Join(p.checkLevels(), p.checkMoment())
}

func (p *Profile) checkLevels() error {
	bound := 0
	for i, l := range p.Levels {
		last := i == len(p.Levels)-1
		first := slices.IndexFunc(p.Levels, func(other Level) bool { return other.ID == l.ID })
		switch {
		case !idForm.MatchString(l.ID) || first != i:
			return fmt.Errorf("level %d: the id is none of its own", i)
		case !l.Name.complete():
			return fmt.Errorf("level %s: it needs names", l.ID)
		case i > 0 && l.Good && !p.Levels[i-1].Good:
			return fmt.Errorf("level %s: good, after one that is not", l.ID)
		case l.TolerancePercent < 0 || l.TolerancePercent > 50:
			return fmt.Errorf("level %s: tolerance is 0 to 50 %%", l.ID)
		case p.Averaging == Calendar || last:
			if l.BelowPPM != 0 || l.UpToPPM != 0 || l.TolerancePercent != 0 {
				return fmt.Errorf("level %s: it must not have a bound", l.ID)
			}
		case (l.BelowPPM > 0) == (l.UpToPPM > 0) || l.BelowPPM < 0 || l.UpToPPM < 0 || l.BoundPPM() > 10_000 || l.BoundPPM() <= bound:
			return fmt.Errorf("level %s: one bound, above that of the level before, up to 10,000 ppm", l.ID)
		}
		bound = l.BoundPPM()
	}
	return nil
}

// In returns the text in German for "de", and in English for any other language.
func (t Text) In(lang string) string {
	if lang == "de" {
		return t.DE
	}
	return t.EN
}

func (t Text) complete() bool { return t.DE != "" && t.EN != "" }
