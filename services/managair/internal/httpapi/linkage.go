package httpapi

import (
	"io"
	"net/http"
	"slices"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// merge says what a method makes of the ids that are linked and those it is given.
func merge(method string, linked, given []int64) []int64 {
	switch method {
	case http.MethodPost:
		for _, id := range given {
			if !slices.Contains(linked, id) {
				linked = append(linked, id)
			}
		}
		return linked
	case http.MethodDelete:
		return slices.DeleteFunc(slices.Clone(linked), func(id int64) bool { return slices.Contains(given, id) })
	default:
		return given
	}
}

// linkages are relationships that can be read and changed by themselves: who is a
// member of what, from both sides.
type linkages struct {
	*API

	organizations *resource[inventory.Organization, int64]
	users         *resource[inventory.User, int64]
}

// addLinkages adds the routes of linkages.
func (a *API) addLinkages(organizations *resource[inventory.Organization, int64], users *resource[inventory.User, int64]) {
	l := linkages{a, organizations, users}
	usersOf := Base + "/organizations/{id}/relationships/users"
	organizationsOf := Base + "/users/{id}/relationships/organizations"
	a.add(
		Route{Method: http.MethodGet, Pattern: usersOf, Audience: access.Members, Handler: organizations.withID(l.getUsers)},
		Route{Method: http.MethodGet, Pattern: organizationsOf, Audience: access.Fellows, Handler: users.withID(l.getOrganizations)},
	)
	for _, method := range []string{http.MethodPost, http.MethodPatch, http.MethodDelete} {
		a.add(
			Route{Method: method, Pattern: usersOf, Audience: access.Organizations.Change, Handler: organizations.withID(l.changeUsers)},
			Route{Method: method, Pattern: organizationsOf, Audience: access.Memberships.Change, Handler: users.withID(l.changeOrganizations)},
		)
	}
}

func (l linkages) getUsers(w http.ResponseWriter, r *http.Request, id int64) error {
	o, err := l.organizations.repository.Get(r.Context(), access.CallerFrom(r.Context()), id)
	if err != nil {
		return err
	}
	if !o.Member {
		// The organization may be public, its members are not.
		return errNotFound()
	}
	return l.respondUsers(w, r, id, o.Users)
}

func (l linkages) getOrganizations(w http.ResponseWriter, r *http.Request, id int64) error {
	u, err := l.users.repository.Get(r.Context(), access.CallerFrom(r.Context()), id)
	if err != nil {
		return err
	}
	return l.respondOrganizations(w, r, id, u.Organizations)
}

func (l linkages) changeUsers(w http.ResponseWriter, r *http.Request, id int64) error {
	changed := false
	// Read before and judged after the store has looked whether the caller may do this.
	given, givenErr := readLinkage(w, r, typeUser)
	o, err := l.organizations.repository.Change(r.Context(), access.CallerFrom(r.Context()), id, func(o *inventory.Organization) error {
		if givenErr != nil {
			return givenErr
		}
		before := o.Users
		o.Users = merge(r.Method, slices.Clone(before), given)
		changed = !slices.Equal(before, o.Users)
		return nil
	})
	if err != nil {
		return err
	}
	if !changed {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return l.respondUsers(w, r, id, o.Users)
}

func (l linkages) changeOrganizations(w http.ResponseWriter, r *http.Request, id int64) error {
	caller := access.CallerFrom(r.Context())
	if _, err := l.users.repository.Get(r.Context(), caller, id); err != nil {
		return err
	}
	given, err := readLinkage(w, r, typeOrganization)
	if err != nil {
		return err
	}
	now, changed, err := l.inventory.Affiliations.Change(r.Context(), caller, id, func(linked []int64) []int64 {
		return merge(r.Method, linked, given)
	})
	if err != nil {
		return err
	}
	if !changed {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return l.respondOrganizations(w, r, id, now)
}

func (l linkages) respondUsers(w http.ResponseWriter, r *http.Request, organization int64, users []int64) error {
	return l.respondLinkage(w, r, toMany(typeUser, users), "organizations", organization, "users")
}

func (l linkages) respondOrganizations(w http.ResponseWriter, r *http.Request, user int64, organizations []int64) error {
	return l.respondLinkage(w, r, toMany(typeOrganization, organizations), "users", user, "organizations")
}

func (a *API) respondLinkage(w http.ResponseWriter, r *http.Request, l jsonapi.Linkage, path string, id int64, name string) error {
	if _, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	v := a.newView(r)
	defer v.free()
	writeBody(w, r, http.StatusOK, jsonapi.AppendLinkage(nil, l, v.url(path, formatInt64(id), "relationships", name), v.url(path, formatInt64(id), name)))
	return nil
}

func readLinkage(w http.ResponseWriter, r *http.Request, typ string) ([]int64, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	media, err := bodyMedia(r)
	if err != nil {
		return nil, err
	}
	if media != jsonapi.MediaType {
		return nil, unsupportedMedia(media)
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, bodyError(err)
	}
	identifiers, err := jsonapi.ParseLinkage(data, typ)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, 0, len(identifiers))
	for _, one := range identifiers {
		id, ok := int64ID(one.ID)
		if !ok {
			return nil, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.DoesNotExist, Pointer: "/data", Args: []any{one.ID}}}
		}
		ids = append(ids, id)
	}
	return ids, nil
}
