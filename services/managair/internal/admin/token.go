package admin

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/token"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// tokenSubject returns what tokens of ingestion are to the pages, if the caller may see
// them.
func (r *request) tokenSubject() (*backoffice.Subject, error) {
	s, ok := backoffice.Find("ingestion_token")
	if !ok || !slices.Contains(r.allowed, s.Name) {
		return nil, notFound()
	}
	return s, nil
}

func (a *Admin) showToken(w http.ResponseWriter, r *request) error {
	s, err := r.tokenSubject()
	if err != nil {
		return err
	}
	return a.tokenForm(w, r, s, http.StatusOK, "", nil)
}

// makeToken makes a token, and shows it, this once.
func (a *Admin) makeToken(w http.ResponseWriter, r *request) error {
	s, err := r.tokenSubject()
	if err != nil {
		return err
	}
	wrong := wrongs{}
	again, err := a.find(r, s, wrong)
	if err != nil {
		return err
	}
	if again {
		return a.tokenForm(w, r, s, http.StatusOK, "", wrong)
	}
	wanted := wantedToken(r, wrong)
	secret := ""
	if len(wrong) == 0 {
		caller := r.caller
		caller.Administers = true
		_, secret, err = token.Make(r.Context(), a.Tokens, caller, wanted)
		if !blame(r.lang, asColumn(err), []string{""}, wrong) && err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return a.tokenForm(w, r, s, http.StatusUnprocessableEntity, "", wrong)
	}
	w.Header().Set("Cache-Control", "no-store")
	return a.tokenForm(w, r, s, http.StatusOK, words.IngestionTokenMade.In(r.lang, wanted.Name, secret), nil)
}

// wantedToken reads the form.
func wantedToken(r *request, wrong wrongs) token.Wanted {
	wanted := token.Wanted{Name: r.PostForm.Get("name")}
	if wanted.Name == "" {
		wrong["name"] = reason.Required.In(r.lang)
	}
	var err error
	organization := r.PostForm.Get("organization_id")
	if wanted.OrganizationID, err = strconv.ParseInt(organization, 10, 64); err != nil {
		why := reason.DoesNotExist
		if organization == "" {
			why = reason.Required
		}
		wrong["organization_id"] = why.In(r.lang)
	}
	if text := r.PostForm.Get("node_id"); text != "" {
		node, ok := inventory.ParseNodeID(text)
		if !ok {
			wrong["node_id"] = reason.DoesNotExist.In(r.lang)
		}
		wanted.NodeID = &node
	}
	return wanted
}

func (a *Admin) tokenForm(w http.ResponseWriter, r *request, s *backoffice.Subject, status int, note string, wrong wrongs) error {
	var fields []formField
	p := newPickers(a, r)
	for _, f := range s.Fields[:3] { // what is chosen; the rest happens to it
		ff := formField{Field: f, Input: f.Name, Value: r.PostForm.Get(f.Name), Wrong: wrong[f.Name]}
		if note != "" {
			ff.Value = ""
		}
		if err := p.fill(&ff); err != nil {
			return err
		}
		fields = append(fields, ff)
	}
	v := r.view(words.Add.In(r.lang, words.OneOf[s.Name].In(r.lang)))
	v.Here, v.Note = s.Name, note
	v.Crumbs = [][2]string{{"/admin/" + s.Name + "/", words.Subjects[s.Name].In(r.lang)}}
	if len(wrong) > 0 {
		v.Bad = words.SeeBelow.In(r.lang)
	}
	return show(w, r, status, v, tokenPage(v, fields))
}
