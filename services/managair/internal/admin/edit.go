package admin

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
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

// chosen tells whether an option of a Many is among the values.
func (f formField) chosen(id string) bool { return slices.Contains(strings.Split(f.Value, ","), id) }

// showOnly tells whether the field cannot be changed.
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

// editData is what a form shows.
type editData struct {
	Subject *backoffice.Subject
	ID      string
	Label   string
	Fields  []formField
	Inlines []formInline
	History bool
}

// pickers remembers the options of each subject for one page.
type pickers struct {
	a   *Admin
	r   *request
	all map[string][]backoffice.Option
	cut map[string]bool
}

func (p *pickers) fill(f *formField) error {
	if f.Kind != backoffice.Ref && f.Kind != backoffice.Many || f.showOnly() && f.Kind == backoffice.Many {
		return nil
	}
	if _, known := p.all[f.Of]; !known {
		options, more, err := p.a.Store.Options(p.r.Context(), p.r.caller, f.Of, backoffice.OptionQuery{Limit: maxOptions})
		if err != nil {
			return err
		}
		p.all[f.Of], p.cut[f.Of] = options, more
	}
	f.Options, f.More = p.all[f.Of], p.cut[f.Of]
	if f.Kind != backoffice.Ref || !f.More {
		return nil
	}
	f.Options, f.Find = nil, p.r.PostForm.Get(f.Input+findSuffix)
	queries := []backoffice.OptionQuery{{ID: f.Value, Limit: 1}, {Search: f.Find, Limit: maxFound}}
	for _, q := range queries {
		if q.ID+q.Search == "" {
			continue
		}
		found, _, err := p.a.Store.Options(p.r.Context(), p.r.caller, f.Of, q)
		if err != nil {
			return err
		}
		f.Options = append(f.Options, slices.DeleteFunc(found, func(o backoffice.Option) bool { return q.ID == "" && o.ID == f.Value })...)
	}
	return nil
}

// findSuffix makes of an input's name that of the input to search for it.
const findSuffix = "~find"

// find looks for what was entered to search for related rows. If it is one row, that
// is chosen in the form; else there is something to choose or to mend, which wrong
// says. It tells whether the form is to be shown again.
func (a *Admin) find(r *request, s *backoffice.Subject, wrong wrongs) (again bool, err error) {
	pressed := r.PostForm.Has("find")
	for key, texts := range r.PostForm {
		input, ok := strings.CutSuffix(key, findSuffix)
		if !ok || texts[0] == "" {
			continue
		}
		f, ok := fieldOf(s, input)
		if !ok {
			continue
		}
		found, _, err := a.Store.Options(r.Context(), r.caller, f.Of, backoffice.OptionQuery{Search: texts[0], Limit: maxFound})
		if err != nil {
			return false, err
		}
		chosen := slices.ContainsFunc(found, func(o backoffice.Option) bool { return o.ID == r.PostForm.Get(input) })
		switch {
		case len(found) == 1:
			r.PostForm.Set(input, found[0].ID)
		case len(found) == 0:
			wrong[input], again = words.FindNone.In(r.lang), true
		case !chosen && !pressed:
			wrong[input], again = words.FindMany.In(r.lang), true
		}
		again = again || pressed
	}
	return again, nil
}

// fieldOf returns the field that an input of a subject's form is for, if it refers
// to something.
func fieldOf(s *backoffice.Subject, input string) (backoffice.Field, bool) {
	prefix, name := "", input
	if at := strings.LastIndex(input, "."); at >= 0 {
		prefix, name = input[:at+1], input[at+1:]
	}
	for n, in := range s.Inlines {
		if strings.HasPrefix(prefix, fmt.Sprintf("i%d.", n)) {
			s, _ = backoffice.Find(in.Subject)
			break
		}
	}
	f, ok := s.Field(name)
	return f, ok && f.Kind == backoffice.Ref
}

// form builds the form of a row. values has what to show in the fields; posted is
// set when they come from a form.
func (a *Admin) form(r *request, s *backoffice.Subject, id string, row backoffice.Row) (editData, *pickers, error) {
	p := &pickers{a, r, map[string][]backoffice.Option{}, map[string]bool{}}
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

// wrongs are the texts of what is wrong, by the input's name.
type wrongs map[string]string

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
	v.Here, v.Data, v.Bad = s.Name, d, wrong[""]+wrong["password"]
	v.Crumbs = [][2]string{{"/admin/" + s.Name + "/", words.Subjects[s.Name].In(r.lang)}}
	if len(wrong) > 0 && v.Bad == "" {
		v.Bad = words.SeeBelow.In(r.lang)
	}
	return a.show(w, r, status, "edit", v)
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
		value, code := f.Clean(raw)
		if code != "" {
			wrong[prefix+f.Name] = words.WrongWith(code).In(lang)
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
	return redirect(w, r, r.afterwards(s, id))
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
	return redirect(w, r, r.afterwards(s, id))
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

// entered tells whether a row of the form differs from what is stored, or a new
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

// blame puts a refusal of the store to its field, and tells whether it was one.
func blame(lang string, err error, prefixes []string, wrong wrongs) bool {
	e, ok := errors.AsType[*fault.Violation](err)
	if !ok {
		return false
	}
	prefix := ""
	if e.Item < len(prefixes) {
		prefix = prefixes[e.Item]
	}
	wrong[prefix+e.Field] = problem(lang, e)
	return true
}

func notFound() error { return fault.New(fault.NotFound, "not found") }

// problem says what the store refuses.
func problem(lang string, e *fault.Violation) string {
	t := words.WrongWith(cmp.Or(e.Text, e.Code)).In(lang)
	if strings.Contains(t, "%") {
		t = fmt.Sprintf(t, e.Args...)
	}
	if e.Detail != "" {
		t += " (" + e.Detail + ")"
	}
	return t
}

func (a *Admin) setPassword(w http.ResponseWriter, r *request) error {
	if err := r.superuser(); err != nil {
		return err
	}
	s, _ := backoffice.Find("user_account")
	id := r.PathValue("id")
	row, _, err := a.Store.Get(r.Context(), r.caller, s, id)
	if err != nil {
		return err
	}
	user, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return notFound()
	}
	err = a.Accounts.SetPasswordFor(r.Context(), user, r.PostForm.Get("password"), false)
	if e, ok := errors.AsType[*fault.Violation](err); ok {
		return a.showForm(w, r, s, id, row, wrongs{"password": problem(r.lang, e)}, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/user_account/"+id+"/?done=password")
}
