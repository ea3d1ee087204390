package admin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// pickers remembers the options of each subject for one page.
type pickers struct {
	a   *Admin
	r   *request
	all map[string][]backoffice.Option
	cut map[string]bool
}

func newPickers(a *Admin, r *request) *pickers {
	return &pickers{a, r, map[string][]backoffice.Option{}, map[string]bool{}}
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
// says. It reports whether the form is to be shown again.
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
