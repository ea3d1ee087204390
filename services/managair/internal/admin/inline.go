package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
)

// formRow is a row of an inline.
type formRow struct {
	ID     string
	Prefix string
	Fields []formField
	Delete bool
	Bad    string
}

type formInline struct {
	backoffice.Inline
	Rows []formRow
	Full bool // there may be more rows than are shown
}

// addInlines adds the rows that belong to the row, as posted if they were.
func (a *Admin) addInlines(r *request, s *backoffice.Subject, id string, p *pickers, wrong wrongs, d *editData) error {
	for n, in := range s.Inlines {
		if !slices.Contains(r.allowed, in.Subject) {
			continue
		}
		rows, err := a.Store.Related(r.Context(), r.caller, in, id)
		if err != nil {
			return err
		}
		inline := formInline{Inline: in, Full: len(rows) >= 100}
		of, _ := backoffice.Find(in.Subject)
		for range blankRows {
			blank := backoffice.Row{}
			for _, name := range in.Fields {
				f, _ := of.Field(name)
				blank[name] = f.Default
			}
			rows = append(rows, blank)
		}
		for _, row := range rows {
			fr := formRow{ID: row["id"], Prefix: inlinePrefix(n, row["id"])}
			fr.Delete = r.PostForm.Get(fr.Prefix+"delete") != ""
			fr.Bad = wrong[fr.Prefix]
			for _, name := range in.Fields {
				f, _ := of.Field(name)
				ff := formField{Field: f, Input: fr.Prefix + name, Value: row[name], Wrong: wrong[fr.Prefix+name], Inline: true}
				if r.Method == http.MethodPost && r.PostForm.Has(fr.Prefix+"here") {
					ff.Value = r.PostForm.Get(ff.Input)
				}
				if err := p.fill(&ff); err != nil {
					return err
				}
				fr.Fields = append(fr.Fields, ff)
			}
			inline.Rows = append(inline.Rows, fr)
		}
		d.Inlines = append(d.Inlines, inline)
	}
	return nil
}

func inlinePrefix(inline int, id string) string {
	if id == "" {
		id = "new"
	}
	return fmt.Sprintf("i%d.%s.", inline, id)
}

// postedInline reads the rows of an inline from the form: those that differ from
// what is stored, those to delete, and a new one if anything was entered.
func (a *Admin) postedInline(r *request, n int, in backoffice.Inline, id string, wrong wrongs) ([]backoffice.Change, []string, error) {
	of, _ := backoffice.Find(in.Subject)
	var fields []backoffice.Field
	for _, name := range in.Fields {
		f, _ := of.Field(name)
		fields = append(fields, f)
	}
	stored, err := a.Store.Related(r.Context(), r.caller, in, id)
	if err != nil {
		return nil, nil, err
	}
	var changes []backoffice.Change
	var prefixes []string
	for _, row := range append(stored, backoffice.Row{}) {
		prefix := inlinePrefix(n, row["id"])
		if !r.PostForm.Has(prefix + "here") {
			continue // somebody else has added it meanwhile
		}
		if r.PostForm.Get(prefix+"delete") != "" && row["id"] != "" {
			changes, prefixes = append(changes, backoffice.Change{Subject: of, ID: row["id"], Delete: true}), append(prefixes, prefix)
			continue
		}
		if !entered(r.PostForm, prefix, fields, row) {
			continue
		}
		c, _ := posted(r.lang, r.PostForm, of, fields, prefix, true, wrong)
		c.ID = row["id"]
		c.Values[in.Field] = &id
		changes, prefixes = append(changes, c), append(prefixes, prefix)
	}
	return changes, prefixes, nil
}

// entered reports whether a row of the form differs from what is stored, or a new
// one from an empty one.
func entered(form url.Values, prefix string, fields []backoffice.Field, row backoffice.Row) bool {
	for _, f := range fields {
		now, before := form.Get(prefix+f.Name), row[f.Name]
		if row["id"] == "" {
			before = f.Default
		}
		if f.Kind == backoffice.Bool {
			now, before = fmt.Sprint(now != ""), fmt.Sprint(before == "true")
		}
		if f.Kind == backoffice.Time && len(now) == len("2006-01-02T15:04") {
			now += ":00"
		}
		if now != before {
			return true
		}
	}
	return false
}
