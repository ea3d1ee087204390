package httpapi

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/token"
)

const typeIngestionToken = "IngestionToken"

// tokens answers what is asked of tokens of ingestion.
type tokens struct {
	api   *API
	store token.Store
}

func (a *API) addTokens(store token.Store) {
	t := &tokens{a, store}
	const all, one = Base + "/ingestion-tokens", Base + "/ingestion-tokens/{id}"
	a.add(
		Route{Method: http.MethodGet, Pattern: all, Audience: access.Accounts, Handler: t.list},
		Route{Method: http.MethodPost, Pattern: all, Audience: access.Accounts, Handler: t.make},
		Route{Method: http.MethodGet, Pattern: one, Audience: access.Accounts, Handler: t.get},
		Route{Method: http.MethodDelete, Pattern: one, Audience: access.Accounts, Handler: t.revoke},
	)
}

// showToken makes the resource; more are attributes of the answer to its making.
func showToken(v *view, t *token.Token, more ...jsonapi.Attribute) jsonapi.Resource {
	id, organization := v.id(t.ID), v.id(t.OrganizationID)
	attributes := []jsonapi.Attribute{
		{Name: "name", Value: jsonapi.String(t.Name)},
		{Name: "organization_name", Value: jsonapi.String(t.Organization)},
		{Name: "node_alias", Value: jsonapi.OptString(t.NodeAlias)},
		{Name: "maker_name", Value: jsonapi.String(t.Maker)},
		{Name: "made_at_s", Value: jsonapi.Int(t.MadeAt.Unix())},
		{Name: "last_used_at_s", Value: seconds(t.LastUsedAt)},
		{Name: "revoked_at_s", Value: seconds(t.RevokedAt)},
	}
	node := jsonapi.Relationship{Name: "node", Linkage: jsonapi.ToNone()}
	if t.NodeID != nil {
		node.Linkage, node.Related = jsonapi.ToOne(typeNode, t.NodeID.String()), v.url("nodes", t.NodeID.String())
	}
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeIngestionToken, ID: id},
		Attributes: v.attributes(0, append(attributes, more...)),
		Relationships: v.relationships([]jsonapi.Relationship{
			{Name: "organization", Linkage: jsonapi.ToOne(typeOrganization, organization), Related: v.url("organizations", organization)},
			node,
		}),
		Self: v.url("ingestion-tokens", id),
	}
}

func showOneToken(v *view, t *token.Token) jsonapi.Resource { return showToken(v, t) }

func (t *tokens) list(w http.ResponseWriter, r *http.Request) error {
	return listFew(t.api, w, r, showOneToken, func(v *view, organization int64) ([]token.Token, error) {
		return t.store.Tokens(r.Context(), v.caller, organization)
	})
}

func (t *tokens) get(w http.ResponseWriter, r *http.Request) error {
	return t.one(r, func(id int64) error {
		v := t.api.newView(r)
		defer v.free()
		var err error
		if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
			return err
		}
		found, err := t.store.Token(r.Context(), v.caller, id)
		if err != nil {
			return err
		}
		resource := showToken(v, &found)
		return t.api.respond(w, r, http.StatusOK, v, &jsonapi.Document{One: &resource})
	})
}

// one does something with the token in the path.
func (t *tokens) one(r *http.Request, do func(id int64) error) error {
	id, ok := int64ID(r.PathValue("id"))
	if !ok {
		return errNotFound()
	}
	return do(id)
}

func (t *tokens) revoke(w http.ResponseWriter, r *http.Request) error {
	return t.one(r, func(id int64) error {
		if err := t.store.Revoke(r.Context(), access.CallerFrom(r.Context()), id); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// make answers with the token, this once.
func (t *tokens) make(w http.ResponseWriter, r *http.Request) error {
	v := t.api.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	body, err := readBody(w, r, typeIngestionToken, "")
	if err != nil {
		return err
	}
	var wanted token.Wanted
	f := jsonapi.NewFields(body, true)
	f.Text("name", &wanted.Name, token.Name.Max, jsonapi.Required)
	f.ToOne("organization", typeOrganization, jsonapi.Required, func(id string) *fault.Violation {
		var ok bool
		wanted.OrganizationID, ok = int64ID(id)
		return unknownUnless(ok, id)
	})
	f.OptToOne("node", typeNode, func(id string) *fault.Violation {
		node, ok := inventory.ParseNodeID(id)
		wanted.NodeID = &node
		return unknownUnless(ok && node != uuid.Nil, id)
	})
	if err := f.Err(); err != nil {
		return err
	}
	made, secret, err := token.Make(r.Context(), t.store, v.caller, wanted)
	if err != nil {
		return err
	}
	resource := showToken(v, &made, jsonapi.Attribute{Name: "token", Value: jsonapi.String(secret)})
	w.Header().Set("Location", resource.Self)
	w.Header().Set("Cache-Control", "no-store")
	return t.api.respond(w, r, http.StatusCreated, v, &jsonapi.Document{One: &resource})
}

// seconds is a time, or null.
func seconds(t *time.Time) jsonapi.Value {
	if t == nil {
		return jsonapi.Null()
	}
	return optTime(*t)
}

func unknownUnless(ok bool, id string) *fault.Violation {
	if ok {
		return nil
	}
	return &fault.Violation{Reason: reason.DoesNotExist, Args: []any{id}}
}
