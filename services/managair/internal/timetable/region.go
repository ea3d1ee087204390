package timetable

import (
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/at"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/ch"
	"github.com/rickar/cal/v2/cz"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/fi"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/ie"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/lu"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/se"

	"github.com/clairberlin/clair-stack/pkg/civil"
)

// Region has public holidays of its own.
type Region struct {
	// ID is a code of ISO 3166-1 or -2, such as DE-BE or NL.
	ID string
	// Country is the code of its country, Name what its people call it; "" is the whole
	// country.
	Country, Name string

	holidays []*cal.Holiday
}

// regions are those that somebody may choose, by id.
var regions = func() map[string]*Region {
	all := map[string]*Region{}
	add := func(country, part, name string, holidays []*cal.Holiday) {
		r := &Region{ID: country, Country: country, Name: name, holidays: holidays}
		if part != "" {
			r.ID += "-" + part
		}
		all[r.ID] = r
	}
	for _, c := range []struct {
		id       string
		holidays []*cal.Holiday
	}{
		{"AT", at.Holidays},
		{"BE", be.Holidays},
		{"CZ", cz.Holidays},
		{"DK", dk.Holidays},
		{"FI", fi.Holidays},
		{"FR", fr.Holidays},
		{"IE", ie.Holidays},
		{"IT", it.Holidays},
		{"LU", lu.Holidays},
		{"NL", nl.Holidays},
		{"NO", no.Holidays},
		{"PL", pl.Holidays},
		{"SE", se.Holidays},
	} {
		add(c.id, "", "", c.holidays)
	}
	// Scotland and Northern Ireland have others.
	add("GB", "EAW", "England and Wales", gb.Holidays)
	for _, p := range []struct {
		id, name string
		holidays []*cal.Holiday
	}{
		{"BW", "Baden-Württemberg", de.HolidaysBW},
		{"BY", "Bayern", de.HolidaysBY},
		{"BE", "Berlin", de.HolidaysBE},
		{"BB", "Brandenburg", de.HolidaysBB},
		{"HB", "Bremen", de.HolidaysHB},
		{"HH", "Hamburg", de.HolidaysHH},
		{"HE", "Hessen", de.HolidaysHE},
		{"MV", "Mecklenburg-Vorpommern", de.HolidaysMV},
		{"NI", "Niedersachsen", de.HolidaysNI},
		{"NW", "Nordrhein-Westfalen", de.HolidaysNW},
		{"RP", "Rheinland-Pfalz", de.HolidaysRP},
		{"SL", "Saarland", de.HolidaysSL},
		{"SN", "Sachsen", de.HolidaysSN},
		{"ST", "Sachsen-Anhalt", de.HolidaysST},
		{"SH", "Schleswig-Holstein", de.HolidaysSH},
		{"TH", "Thüringen", de.HolidaysTH},
	} {
		add("DE", p.id, p.name, p.holidays)
	}
	for _, p := range []struct {
		id, name string
		holidays []*cal.Holiday
	}{
		{"AG", "Aargau", ch.HolidaysAG},
		{"AI", "Appenzell Innerrhoden", ch.HolidaysAI},
		{"AR", "Appenzell Ausserrhoden", ch.HolidaysAR},
		{"BE", "Bern", ch.HolidaysBE},
		{"BL", "Basel-Landschaft", ch.HolidaysBL},
		{"BS", "Basel-Stadt", ch.HolidaysBS},
		{"FR", "Fribourg", ch.HolidaysFR},
		{"GE", "Genève", ch.HolidaysGE},
		{"GL", "Glarus", ch.HolidaysGL},
		{"GR", "Graubünden", ch.HolidaysGR},
		{"JU", "Jura", ch.HolidaysJU},
		{"LU", "Luzern", ch.HolidaysLU},
		{"NE", "Neuchâtel", ch.HolidaysNE},
		{"NW", "Nidwalden", ch.HolidaysNW},
		{"OW", "Obwalden", ch.HolidaysOW},
		{"SG", "St. Gallen", ch.HolidaysSG},
		{"SH", "Schaffhausen", ch.HolidaysSH},
		{"SO", "Solothurn", ch.HolidaysSO},
		{"SZ", "Schwyz", ch.HolidaysSZ},
		{"TG", "Thurgau", ch.HolidaysTG},
		{"TI", "Ticino", ch.HolidaysTI},
		{"UR", "Uri", ch.HolidaysUR},
		{"VD", "Vaud", ch.HolidaysVD},
		{"VS", "Valais", ch.HolidaysVS},
		{"ZG", "Zug", ch.HolidaysZG},
		{"ZH", "Zürich", ch.HolidaysZH},
	} {
		add("CH", p.id, p.name, p.holidays)
	}
	return all
}()

// Regions lists those with known public holidays, by country and name.
func Regions() []Region {
	all := make([]Region, 0, len(regions))
	for _, r := range regions {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Region) int { return strings.Compare(a.Country+a.Name, b.Country+b.Name) })
	return all
}

// IsRegion reports whether the public holidays of a region are known.
func IsRegion(id string) bool { return regions[id] != nil }

// PublicHoliday returns the name of the public holiday that a day is in a region, in the
// language of the library. Where a holiday is made up for on another day, both are free.
func PublicHoliday(region string, date civil.Date) (name string, ok bool) {
	r := regions[region]
	if r == nil {
		return "", false
	}
	noon := time.Date(date.Year, date.Month, date.Day, 12, 0, 0, 0, time.UTC)
	for _, h := range r.holidays {
		if h.Type == cal.ObservanceReligious || h.Type == cal.ObservanceOther {
			continue // not free by law
		}
		actual, observed := h.Calc(date.Year)
		if sameDay(actual, noon) || sameDay(observed, noon) {
			return h.Name, true
		}
	}
	return "", false
}

func sameDay(a, b time.Time) bool {
	return !a.IsZero() && a.YearDay() == b.YearDay() && a.Year() == b.Year()
}
