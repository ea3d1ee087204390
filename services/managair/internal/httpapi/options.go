package httpapi

import "net/http"

// describe answers OPTIONS.
func (a *API) describe(w http.ResponseWriter, _ *http.Request, _ string, _ map[string]Route) {
	w.WriteHeader(http.StatusNoContent)
}
