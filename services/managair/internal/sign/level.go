package sign

import (
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// level is a level of the moment as a sign shows it.
type level struct {
	profile.ScaleLevel

	profile, id string
	// before is the level that it is worse than; nil for the best one.
	before *profile.ScaleLevel
}

// levelsOf returns the levels that the moment is held against, the best one first.
func levelsOf(p *profile.Profile) []level {
	of := *p
	if p.Moment != nil && p.Moment.As != "" {
		if other, ok := profile.Get(p.Moment.As); ok {
			of = other
		}
	}
	scale := p.Scale()
	levels := make([]level, len(scale.Levels))
	for i := range levels {
		levels[i] = level{ScaleLevel: scale.Levels[i], profile: of.ID, id: of.Levels[i].ID}
		if i > 0 {
			levels[i].before = &scale.Levels[i-1]
		}
	}
	return levels
}

// bound is where the level ends, or where it begins when it is the last.
func (l *level) bound(language string) string {
	switch {
	case l.BelowPPM > 0:
		return words.SignBelow.In(language, l.BelowPPM)
	case l.UpToPPM > 0:
		return words.SignUpTo.In(language, l.UpToPPM)
	case l.before.BelowPPM > 0:
		return words.SignFrom.In(language, l.before.BelowPPM)
	default:
		return words.SignAbove.In(language, l.before.UpToPPM)
	}
}

func (l *level) name(language string) string { return words.LevelIn(language, l.profile, l.id, l.Name) }

func normName(p *profile.Profile, language string) string {
	return words.NormIn(language, p.ID, p.Name)
}
