package admin

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
)

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
	return web.Redirect(w, r.Request, "/admin/user_account/"+id+"/?done=password")
}
