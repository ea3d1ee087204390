package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// formField is a field of a form.
type formField struct {
	backoffice.Field
	Input   string // its name in the form
	Value   string
	Wrong   string
	Options []backoffice.Option
	More    bool   // there are too many rows to offer them all: one searches
	Find    string // what was searched for
	ID      string
	Inline  bool // in a row of a table, whose head names it
}

// chosen reports whether an option of a Many is among the values.
func (f formField) chosen(id string) bool { return slices.Contains(strings.Split(f.Value, ","), id) }

// showOnly reports whether the field cannot be changed.
func (f formField) showOnly() bool { return f.ReadOnly || (f.OnCreate && f.ID != "") }

// label is what the option is called that is chosen.
func (f formField) label() string {
	for _, o := range f.Options {
		if o.ID == f.Value {
			return o.Label
		}
	}
	return ""
}

// editData is what a form shows.
type editData struct {
	Subject *backoffice.Subject
	ID      string
	Label   string
	Fields  []formField
	Inlines []formInline
	History bool
}

// form builds the form of a row. values has what to show in the fields; posted is
// set when they come from a form.
func (a *Admin) form(r *request, s *backoffice.Subject, id string, row backoffice.Row) (editData, *pickers, error) {
	p := newPickers(a, r)
	d := editData{Subject: s, ID: id, History: !s.Fixed && slices.Contains(r.allowed, "audit_log")}
	for _, f := range s.Fields {
		if f.ReadOnly && id == "" {
			continue // there is nothing to show yet
		}
		ff := formField{Field: f, Input: f.Name, Value: row[f.Name], ID: id}
		if s.Fixed {
			ff.ReadOnly = true
		}
		if err := p.fill(&ff); err != nil {
			return d, p, err
		}
		d.Fields = append(d.Fields, ff)
	}
	return d, p, nil
}

func (a *Admin) showAdd(w http.ResponseWriter, r *request) error {
	s, err := r.subject()
	if err != nil {
		return err
	}
	if s.Fixed {
		return notFound()
	}
	row := backoffice.Row{}
	for _, f := range s.Fields {
		row[f.Name] = f.Default
		// Links prefill forms: "register this node", "add a room to this site".
		if given := r.URL.Query().Get(f.Name); given != "" {
			row[f.Name] = given
		}
	}
	return a.showForm(w, r, s, "", row, nil, http.StatusOK)
}

func (a *Admin) showForm(w http.ResponseWriter, r *request, s *backoffice.Subject, id string, row backoffice.Row, wrong wrongs, status int) error {
	d, p, err := a.form(r, s, id, row)
	if err != nil {
		return err
	}
	for i := range d.Fields {
		d.Fields[i].Wrong = wrong[d.Fields[i].Input]
	}
	title := words.Add.In(r.lang, words.OneOf[s.Name].In(r.lang))
	if id != "" {
		stored, label, err := a.Store.Get(r.Context(), r.caller, s, id)
		if err != nil {
			return err
		}
		for i, f := range d.Fields {
			if f.showOnly() {
				d.Fields[i].Value = stored[f.Name]
			}
		}
		title, d.Label = label, label
		if err := a.addInlines(r, s, id, p, wrong, &d); err != nil {
			return err
		}
	}
	v := r.view(title)
	v.Here, v.Bad = s.Name, wrong[""]+wrong["password"]
	v.Crumbs = [][2]string{{"/admin/" + s.Name + "/", words.Subjects[s.Name].In(r.lang)}}
	if len(wrong) > 0 && v.Bad == "" {
		v.Bad = words.SeeBelow.In(r.lang)
	}
	return web.Show(w, r.Request, status, frame(v, editHead(v, d), editPage(v, d)))
}

func (a *Admin) showEdit(w http.ResponseWriter, r *request) error {
	s, err := r.subject()
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	row, _, err := a.Store.Get(r.Context(), r.caller, s, id)
	if err != nil {
		return err
	}
	return a.showForm(w, r, s, id, row, nil, http.StatusOK)
}

// posted reads the fields of a row from the form.
func posted(lang string, form url.Values, s *backoffice.Subject, fields []backoffice.Field, prefix string, creating bool, wrong wrongs) (backoffice.Change, backoffice.Row) {
	c := backoffice.Change{Subject: s, Values: map[string]*string{}}
	row := backoffice.Row{}
	for _, f := range fields {
		if f.ReadOnly || (f.OnCreate && !creating) {
			continue
		}
		raw := form.Get(prefix + f.Name)
		if f.Kind == backoffice.Many {
			raw = strings.Join(form[prefix+f.Name], ",")
		}
		row[f.Name] = raw
		value, broken := f.Clean(raw, creating)
		if broken != nil {
			wrong[prefix+f.Name] = problem(lang, broken)
			continue
		}
		c.Values[f.Name] = value
	}
	return c, row
}

func (a *Admin) add(w http.ResponseWriter, r *request) error {
	s, err := r.subject()
	if err != nil {
		return err
	}
	if s.Fixed {
		return notFound()
	}
	wrong := wrongs{}
	again, err := a.find(r, s, wrong)
	if err != nil {
		return err
	}
	if again {
		_, row := posted(r.lang, r.PostForm, s, s.Fields, "", true, wrongs{})
		return a.showForm(w, r, s, "", row, wrong, http.StatusOK)
	}
	change, row := posted(r.lang, r.PostForm, s, s.Fields, "", true, wrong)
	id := ""
	if len(wrong) == 0 {
		id, err = a.Store.Apply(r.Context(), r.caller, []backoffice.Change{change})
		if !blame(r.lang, err, []string{""}, wrong) && err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return a.showForm(w, r, s, "", row, wrong, http.StatusUnprocessableEntity)
	}
	return web.Redirect(w, r.Request, r.afterwards(s, id))
}

// afterwards is where one goes on after saving: as with Django's admin, to the row
// itself, to the list, or to the next new row.
func (r *request) afterwards(s *backoffice.Subject, id string) string {
	switch r.PostForm.Get("then") {
	case "list":
		return "/admin/" + s.Name + "/?done=saved"
	case "add":
		return "/admin/" + s.Name + "/add/?done=saved"
	default:
		return "/admin/" + s.Name + "/" + url.PathEscape(id) + "/?done=saved"
	}
}

func (a *Admin) edit(w http.ResponseWriter, r *request) error {
	s, err := r.subject()
	if err != nil {
		return err
	}
	if s.Fixed {
		return notFound()
	}
	id := r.PathValue("id")
	wrong := wrongs{}
	again, err := a.find(r, s, wrong)
	if err != nil {
		return err
	}
	if again {
		_, row := posted(r.lang, r.PostForm, s, s.Fields, "", false, wrongs{})
		return a.showForm(w, r, s, id, row, wrong, http.StatusOK)
	}
	change, row := posted(r.lang, r.PostForm, s, s.Fields, "", false, wrong)
	change.ID = id
	changes, prefixes := []backoffice.Change{change}, []string{""}
	for n, in := range s.Inlines {
		if !slices.Contains(r.allowed, in.Subject) {
			continue
		}
		more, where, err := a.postedInline(r, n, in, id, wrong)
		if err != nil {
			return err
		}
		changes, prefixes = append(changes, more...), append(prefixes, where...)
	}
	if len(wrong) == 0 {
		_, err = a.Store.Apply(r.Context(), r.caller, changes)
		if !blame(r.lang, err, prefixes, wrong) && err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return a.showForm(w, r, s, id, row, wrong, http.StatusUnprocessableEntity)
	}
	return web.Redirect(w, r.Request, r.afterwards(s, id))
}
