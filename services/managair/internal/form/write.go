package form

import (
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Write says a document in a language of words.ReportLanguages, for paper and pages.
func Write(f *Form, d *Document, organization, language string, loc *time.Location) *report.Content {
	w := writer{f, d, language}
	site := d.Known.Site["establishment_name"]
	if entered := d.Filled.Site["establishment_name"]; entered != "" {
		site = entered
	}
	c := &report.Content{
		Language: language, Title: w.in(f.Title), Author: organization,
		About: []string{
			site,
			w.in(words.ReportPeriod, w.day(d.From), w.day(d.To)),
			w.in(words.FormVersion, d.Version, w.day(civil.DateOf(d.MadeAt.In(loc)))),
		},
		Foot: site + " · " + w.in(words.ReportPeriod, w.day(d.From), w.day(d.To)),
	}
	if missing := d.Missing(f); missing > 0 {
		c.Sections = append(c.Sections, report.Section{
			Title:  w.in(words.FormOpen),
			Blocks: []report.Block{{Verdict: w.in(words.FormMissing, missing), Role: profile.Elevated}},
		})
	}
	c.Sections = append(c.Sections, report.Section{Title: w.in(words.FormSite), Blocks: []report.Block{{Table: w.table(f.Site, d.Filled.Site, d.Known.Site)}}})
	for _, r := range d.Filled.Rooms {
		known, _ := find(d.Known.Rooms, r.Room)
		c.Sections = append(c.Sections, report.Section{Title: r.Name, Blocks: []report.Block{{Table: w.table(f.Room, r.Fields, known.Fields)}}})
	}
	source := f.Source.Title + ", " + f.Source.Article + ", " + w.in(words.FormSince, w.day(f.Source.Since)) + ". " + f.Source.URL
	c.Sections = append(c.Sections, report.Section{
		Title:  w.in(words.FormSource),
		Blocks: []report.Block{{Soft: source}, {Soft: w.in(f.Note)}, {Soft: w.in(words.FormMark)}},
	})
	return c
}

type writer struct {
	f        *Form
	d        *Document
	language string
}

func (w *writer) in(t words.Told, args ...any) string { return t.In(w.language, args...) }

// day writes a day as reports do.
func (w *writer) day(d civil.Date) string { return report.Day(w.language, d) }

// table has a row for each field, with where it is asked for.
func (w *writer) table(fields []Field, filled, known Values) *report.Table {
	t := &report.Table{
		Head:   []string{"", w.in(words.FormField), w.in(words.FormEntry)},
		Shares: []float64{10, 42, 65},
	}
	for i := range fields {
		f := &fields[i]
		entry := w.value(f, filled[f.ID])
		if entry == "" {
			entry = "–"
		} else if known[f.ID] != "" && filled[f.ID] == known[f.ID] {
			entry += " *"
		}
		t.Rows = append(t.Rows, []string{strings.ReplaceAll(f.Paragraph, " ", "\u00a0"), w.in(f.Name), entry})
		t.Roles = append(t.Roles, "")
	}
	return t
}

// value writes what stands in a field.
func (w *writer) value(f *Field, text string) string {
	switch f.Kind {
	case Day:
		if day, err := civil.ParseDate(text); err == nil {
			return w.day(day)
		}
	case Truth:
		if yes, err := strconv.ParseBool(text); err == nil && yes {
			return w.in(words.FormYes)
		} else if err == nil {
			return w.in(words.FormNo)
		}
	case Line, Text, Count:
	}
	return strings.TrimSpace(text)
}

// FileName is what a document is called as a file, without its suffix.
func (d *Document) FileName() string {
	return d.Form + "-" + strconv.FormatInt(d.Site, 10) + "-" + d.From.String() + "-" + d.To.String() + "-v" + strconv.Itoa(d.Version)
}
