package form

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// France is the report of the yearly evaluation of the means of ventilation, which article
// R. 221-32 of the code de l'environnement and article 3 of décret 2012-14 ask of schools and
// nurseries. Its fields are those of article 1 of the arrêté of 1 June 2016, in the version of
// the arrêté of 27 December 2022 (NOR SPRP2231357A), word by word: 1° to 7°.
var France = Form{
	ID: "fr-aeration", Title: words.FormFranceTitle, Language: "fr", Country: "FR",
	Source: Source{
		Title:   "Arrêté du 1er juin 2016 relatif aux modalités de présentation du rapport d'évaluation des moyens d'aération, modifié par l'arrêté du 27 décembre 2022",
		Article: "article 1 (LEGIARTI000046834200)",
		Since:   civil.Date{Year: 2023, Month: time.January, Day: 1},
		URL:     "https://www.legifrance.gouv.fr/loda/id/JORFTEXT000032630380",
	},
	Profile: "fr-evaluation",
	Note:    words.FormFranceNote,
	Site: []Field{
		{ID: "establishment_name", Paragraph: "1°", Name: words.FormEstablishment, Kind: Line, Known: siteName},
		{ID: "siret", Paragraph: "1°", Name: words.FormSIRET, Kind: Line, Form: regexp.MustCompile(`^\d{14}$`), Wrong: reason.InvalidSIRET},
		{ID: "establishment_type", Paragraph: "1°", Name: words.FormEstablishmentType, Kind: Line},
		{ID: "establishment_address", Paragraph: "1°", Name: words.FormAddress, Kind: Line, Known: siteAddress},
		{ID: "owner_name", Paragraph: "2°", Name: words.FormOwner, Kind: Line, Known: operator},
		{ID: "owner_contact", Paragraph: "2°", Name: words.FormOwnerContact, Kind: Line},
		{ID: "evaluator_name", Paragraph: "3°", Name: words.FormEvaluator, Kind: Line},
		{ID: "evaluator_contact", Paragraph: "3°", Name: words.FormEvaluatorContact, Kind: Line},
		{ID: "description", Paragraph: "4°", Name: words.FormDescription, Kind: Text},
		{ID: "room_count", Paragraph: "4°", Name: words.FormRoomCount, Kind: Count}, // of those that could be evaluated, which only who was there can say
		{ID: "ventilation", Paragraph: "4°", Name: words.FormVentilation, Kind: Text},
		{ID: "maintained_on", Paragraph: "4°", Name: words.FormMaintained, Kind: Day, Optional: true},
		{ID: "measures", Paragraph: "7°", Name: words.FormMeasures, Kind: Text, Optional: true},
	},
	Room: []Field{
		{ID: "location", Paragraph: "5°", Name: words.FormLocation, Kind: Line, Known: roomName},
		{ID: "ventilation", Paragraph: "5°", Name: words.FormOtherVentilation, Kind: Text, Optional: true},
		{ID: "opening_count", Paragraph: "6° a)", Name: words.FormOpenings, Kind: Count},
		{ID: "opening_faults", Paragraph: "6° a)", Name: words.FormOpeningFaults, Kind: Count},
		{ID: "vents_flow", Paragraph: "6° b)", Name: words.FormVentsFlow, Kind: Truth, Optional: true},
		{ID: "vents_state", Paragraph: "6° b)", Name: words.FormVentsState, Kind: Text, Optional: true},
		{ID: "co2_above_800", Paragraph: "6° c)", Name: words.FormAbove.With(800), Kind: Truth, Known: above(800)},
		{ID: "co2_above_1500", Paragraph: "6° c)", Name: words.FormAbove.With(1500), Kind: Truth, Known: above(1500)},
		{ID: "co2_measurement", Name: words.FormMeasurement, Kind: Text, Optional: true, Known: measurement},
	},
}

func siteName(f *Facts, _ *RoomFacts) string    { return f.Site }
func siteAddress(f *Facts, _ *RoomFacts) string { return f.Address }
func operator(f *Facts, _ *RoomFacts) string    { return f.Organization }
func roomName(_ *Facts, r *RoomFacts) string    { return r.Name }

// above is whether CO2 was ever above a bound while people were there: at one point of ten
// minutes. Of air that could not be judged it is not known.
func above(ppm int) func(*Facts, *RoomFacts) string {
	return func(_ *Facts, r *RoomFacts) string {
		if !r.Judged() {
			return ""
		}
		for _, b := range r.Bounds {
			// The bound below which air is good is itself above it.
			if b.PPM == ppm {
				return strconv.FormatBool(b.Beyond > 0)
			}
		}
		return ""
	}
}

// measurement says what the two lines before it rest on.
func measurement(f *Facts, r *RoomFacts) string {
	in := func(t words.Told, args ...any) string { return t.In(f.Language, args...) }
	if !r.Judged() {
		return in(words.FormNotMeasured)
	}
	highest := 0.0
	for _, d := range r.Days {
		highest = max(highest, d.MaxPPM)
	}
	parts := []string{in(words.FormMeasuredBy, report.Day(f.Language, f.From), report.Day(f.Language, f.To),
		strconv.Itoa(int(r.Occupied.Known.Hours()+0.5)), len(r.Days), strconv.Itoa(int(highest+0.5)))}
	switch r.Fitness.Verdict {
	case verdict.Fit:
		parts = append(parts, in(words.FormFit))
	case verdict.Unfit:
		parts = append(parts, in(words.FormUnfit))
	case verdict.Unknown:
		parts = append(parts, in(words.FormFitUnknown))
	}
	return strings.Join(parts, " ")
}
