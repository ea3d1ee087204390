package httpapi

import (
	"net/http"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
)

const typeInvitation = "Invitation"

// addInvitations adds the routes by which members are invited. A POST of a membership
// is one, too: it is what the predecessor's dashboard sends.
func (h *auth) addInvitations() {
	const all, one = Base + "/invitations", Base + "/invitations/{id}"
	h.api.add(
		Route{Method: http.MethodGet, Pattern: all, Audience: access.Accounts, Handler: h.invitations},
		Route{Method: http.MethodPost, Pattern: all, Audience: access.Accounts, Handler: h.invite},
		Route{Method: http.MethodGet, Pattern: one, Audience: access.Accounts, Handler: h.invitation},
		Route{Method: http.MethodDelete, Pattern: one, Audience: access.Accounts, Handler: h.withdraw},
		Route{Method: http.MethodPost, Pattern: Base + "/memberships", Audience: access.Memberships.Create, Handler: h.addMember},
	)
}

func showInvitation(v *view, i *identity.Invitation) jsonapi.Resource {
	id, organization := v.id(i.ID), v.id(i.OrganizationID)
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeInvitation, ID: id},
		Attributes: v.attributes(0, []jsonapi.Attribute{
			{Name: "email", Value: jsonapi.String(i.Email)},
			{Name: "role", Value: jsonapi.String(i.Role)},
			{Name: "organization_name", Value: jsonapi.String(i.Organization)},
			{Name: "inviter_name", Value: jsonapi.String(i.Inviter)},
			{Name: "created_at_s", Value: jsonapi.Int(i.CreatedAt.Unix())},
			{Name: "expires_at_s", Value: jsonapi.Int(i.ExpiresAt.Unix())},
		}),
		Relationships: v.relationships([]jsonapi.Relationship{
			{Name: "organization", Linkage: jsonapi.ToOne(typeOrganization, organization), Related: v.url("organizations", organization)},
		}),
		Self: v.url("invitations", id),
	}
}

// listFew answers with what there is of an organization, or of all: there are few, and
// they are on one page where nobody asks for smaller ones.
func listFew[T any](
	a *API, w http.ResponseWriter, r *http.Request, show func(*view, *T) jsonapi.Resource, find func(v *view, organization int64) ([]T, error),
) error {
	v := a.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Filters: []string{"organization"}}); err != nil {
		return err
	}
	q, err := inventoryQuery(v.query)
	if err != nil {
		return err
	}
	found, err := find(v, q.Organization)
	if err != nil {
		return err
	}
	resources := make([]jsonapi.Resource, len(found))
	for i := range found {
		resources[i] = show(v, &found[i])
	}
	return a.respondFew(w, r, v, resources)
}

// respondFew answers with all of a list that is there already, on one page, or with the page of
// it that was asked for.
func (a *API) respondFew(w http.ResponseWriter, r *http.Request, v *view, all []jsonapi.Resource) error {
	page := &jsonapi.Page{Number: v.query.PageNumber, Size: v.query.PageSize, Count: len(all), URL: a.BaseURL(r) + r.URL.Path + "/", Query: v.query.Values}
	if page.Number == 0 {
		page.Number = page.Pages()
	}
	if page.Number > page.Pages() {
		return jsonapi.Errors{{Status: http.StatusNotFound, Reason: reason.InvalidPage, Parameter: "page[number]"}}
	}
	if page.Size > 0 {
		from := min((page.Number-1)*page.Size, len(all))
		all = all[from:min(from+page.Size, len(all))]
	}
	return a.respond(w, r, http.StatusOK, v, &jsonapi.Document{Many: all, Page: page})
}

func (h *auth) invitations(w http.ResponseWriter, r *http.Request) error {
	return listFew(h.api, w, r, showInvitation, func(v *view, organization int64) ([]identity.Invitation, error) {
		return h.accounts.Invitations(r.Context(), v.caller.UserID, organization)
	})
}

// withInvitation does something with the invitation in the path.
func (h *auth) withInvitation(r *http.Request, do func(caller, id int64) error) error {
	id, ok := int64ID(r.PathValue("id"))
	if !ok {
		return errNotFound()
	}
	return do(access.CallerFrom(r.Context()).UserID, id)
}

func (h *auth) invitation(w http.ResponseWriter, r *http.Request) error {
	return h.withInvitation(r, func(caller, id int64) error {
		i, err := h.accounts.Invitation(r.Context(), caller, id)
		if err != nil {
			return err
		}
		return h.respondInvitation(w, r, http.StatusOK, i)
	})
}

func (h *auth) withdraw(w http.ResponseWriter, r *http.Request) error {
	return h.withInvitation(r, func(caller, id int64) error {
		if err := h.accounts.Withdraw(r.Context(), caller, id); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

func (h *auth) respondInvitation(w http.ResponseWriter, r *http.Request, status int, i identity.Invitation) error {
	v := h.api.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	resource := showInvitation(v, &i)
	if status != http.StatusOK {
		w.Header().Set("Location", resource.Self)
	}
	return h.api.respond(w, r, status, v, &jsonapi.Document{One: &resource})
}

// invite answers a POST of an invitation.
func (h *auth) invite(w http.ResponseWriter, r *http.Request) error {
	return h.inviteAs(w, r, typeInvitation, http.StatusCreated, func(f *jsonapi.Fields, who *identity.Invited) {
		f.Text("email", &who.Email, identity.MaxEmail, jsonapi.Required)
	})
}

// addMember answers a POST of a membership. Its user is named by an id of a fellow, or
// by the address that a search of users has given back.
func (h *auth) addMember(w http.ResponseWriter, r *http.Request) error {
	return h.inviteAs(w, r, typeMembership, http.StatusAccepted, func(f *jsonapi.Fields, who *identity.Invited) {
		f.ToOne("user", typeUser, jsonapi.Required, func(id string) *fault.Violation {
			var ok bool
			if who.UserID, ok = int64ID(id); ok {
				return nil
			}
			if who.Email = id; identity.CheckEmail(id) != nil {
				return &fault.Violation{Field: "user", Reference: true, Reason: reason.DoesNotExist, Args: []any{id}}
			}
			return nil
		})
	})
}

func (h *auth) inviteAs(w http.ResponseWriter, r *http.Request, typ string, status int, take func(*jsonapi.Fields, *identity.Invited)) error {
	body, err := readBody(w, r, typ, "")
	if err != nil {
		return err
	}
	who := identity.Invited{Role: "I"}
	f := jsonapi.NewFields(body, true)
	take(f, &who)
	f.Take("role", identity.InvitationRole, jsonapi.Optional, jsonapi.NotNull, func(text *string) *fault.Violation {
		clean, v := identity.InvitationRole.Clean(*text)
		if v != nil {
			v.Field = "role"
		}
		who.Role = clean
		return v
	})
	f.ToOne("organization", typeOrganization, jsonapi.Required, func(id string) *fault.Violation {
		var ok bool
		if who.OrganizationID, ok = int64ID(id); !ok {
			return &fault.Violation{Field: "organization", Reference: true, Reason: reason.DoesNotExist, Args: []any{id}}
		}
		return nil
	})
	if err := f.Err(); err != nil {
		return err
	}
	made, err := h.accounts.Invite(r.Context(), access.CallerFrom(r.Context()).UserID, who, session.ClientOf(r))
	if err != nil {
		return authError(w, err)
	}
	return h.respondInvitation(w, r, status, made)
}
