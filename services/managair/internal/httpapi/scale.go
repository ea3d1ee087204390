package httpapi

import (
	"encoding/json"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// scales are the momentary scales of the profiles as documents have them, by id, and
// bareScales the same without words, which lists of many rooms leave out.
var scales, bareScales = scalesOf(func(profile.Scale) any { return nil }), scalesOf(bare)

func scalesOf(less func(profile.Scale) any) map[string]string {
	texts := map[string]string{}
	all := profile.All()
	for i := range all {
		scale := all[i].Scale()
		var shown any = scale
		if short := less(scale); short != nil {
			shown = short
		}
		text, err := json.Marshal(shown)
		if err != nil {
			panic(err) // of texts and numbers
		}
		texts[all[i].ID] = string(text)
	}
	return texts
}

func bare(s profile.Scale) any {
	type level struct {
		Role     profile.Role `json:"role"`
		BelowPPM int          `json:"below_ppm,omitempty"`
		UpToPPM  int          `json:"up_to_ppm,omitempty"`
	}
	levels := make([]level, len(s.Levels))
	for i, l := range s.Levels {
		levels[i] = level{l.Role, l.BelowPPM, l.UpToPPM}
	}
	return struct {
		Profile string  `json:"profile"`
		Levels  []level `json:"levels"`
	}{s.Profile, levels}
}

// airScale is what the air in a room is held against at each moment.
func airScale(j *inventory.Judged) jsonapi.Attribute {
	return jsonapi.Attribute{Name: "air_scale", Value: jsonapi.Raw(scales[j.Profile().ID])}
}
