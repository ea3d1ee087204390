package httpapi

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

const (
	typeChannel      = "NotificationChannel"
	typeNotification = "Notification"
)

// notifications answers what is asked of channels, and of what they were told.
type notifications struct {
	api     *API
	service notify.Service
}

func (a *API) addNotifications(service notify.Service) {
	service.Now = a.now
	n := &notifications{a, service}
	const all, one, log = Base + "/notification-channels", Base + "/notification-channels/{id}", Base + "/notifications"
	accounts := func(method, pattern string, handler Handler) {
		a.add(Route{Method: method, Pattern: pattern, Audience: access.Accounts, Handler: handler})
	}
	accounts(http.MethodGet, all, n.channels)
	accounts(http.MethodPost, all, n.make)
	accounts(http.MethodGet, one, n.one(n.channel))
	accounts(http.MethodPatch, one, n.one(n.change))
	accounts(http.MethodDelete, one, n.one(n.delete))
	accounts(http.MethodPost, one+"/code", n.one(n.do(func(ctx context.Context, caller access.Caller, id int64) (notify.Channel, error) {
		return service.SendCode(ctx, caller, id)
	})))
	accounts(http.MethodPost, one+"/confirm", n.one(n.confirm))
	accounts(http.MethodPost, one+"/test", n.one(n.do(func(ctx context.Context, caller access.Caller, id int64) (notify.Channel, error) {
		return service.Test(ctx, caller, id)
	})))
	accounts(http.MethodPost, one+"/rotate", n.one(n.rotate))
	accounts(http.MethodGet, log, n.log)
	accounts(http.MethodGet, log+"/{id}", n.one(n.logged))
	accounts(http.MethodPost, log+"/{id}/replay", n.one(n.replay))
}

// one hands on the number in the path, and the view of a request that asks for nothing else.
func (n *notifications) one(do func(http.ResponseWriter, *http.Request, *view, int64) error) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, ok := int64ID(r.PathValue("id"))
		if !ok {
			return errNotFound()
		}
		v := n.api.newView(r)
		defer v.free()
		var err error
		if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
			return err
		}
		return tooOften(w, do(w, r, v, id))
	}
}

// tooOften says when to come again.
func tooOften(w http.ResponseWriter, err error) error {
	wait := fault.RetryAfter(err)
	if wait <= 0 {
		return err
	}
	seconds := int(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return jsonapi.Errors{{Status: http.StatusTooManyRequests, Reason: reason.Throttled, Args: []any{seconds}}}
}

func channelState(c *notify.Channel) string {
	switch {
	case c.DisabledAt != nil:
		return "disabled"
	case c.ConfirmedAt == nil:
		return "unconfirmed"
	default:
		return "active"
	}
}

// showChannel makes the resource; more are attributes of the answer to its making.
func showChannel(v *view, c *notify.Channel, more ...jsonapi.Attribute) jsonapi.Resource {
	id := v.id(c.ID)
	organization := jsonapi.Relationship{Name: "organization", Linkage: jsonapi.ToNone()}
	if c.OrganizationID != 0 {
		of := v.id(c.OrganizationID)
		organization.Linkage, organization.Related = jsonapi.ToOne(typeOrganization, of), v.url("organizations", of)
	}
	attributes := []jsonapi.Attribute{
		{Name: "kind", Value: jsonapi.String(string(c.Kind))},
		{Name: "name", Value: jsonapi.String(c.Name)},
		{Name: "language", Value: jsonapi.String(c.Language)},
		{Name: "target", Value: jsonapi.String(c.Target)},
		{Name: "organization_name", Value: optText(c.Organization)},
		{Name: "state", Value: jsonapi.String(channelState(c))},
		{Name: "disabled_why", Value: optText(c.DisabledWhy)},
		{Name: "made_at_s", Value: jsonapi.Int(c.MadeAt.Unix())},
		{Name: "answered_at_s", Value: seconds(c.AnsweredAt)},
		{Name: "confirmed_at_s", Value: seconds(c.ConfirmedAt)},
		{Name: "disabled_at_s", Value: seconds(c.DisabledAt)},
		{Name: "failed_at_s", Value: seconds(c.FailedAt)},
		{Name: "failed_why", Value: optText(c.FailedWhy)},
		{Name: "works_since_s", Value: seconds(c.WorksSince)},
	}
	return jsonapi.Resource{
		Identifier:    jsonapi.Identifier{Type: typeChannel, ID: id},
		Attributes:    v.attributes(0, append(attributes, more...)),
		Relationships: v.relationships([]jsonapi.Relationship{organization}),
		Self:          v.url("notification-channels", id),
	}
}

func showOneChannel(v *view, c *notify.Channel) jsonapi.Resource { return showChannel(v, c) }

func (n *notifications) channels(w http.ResponseWriter, r *http.Request) error {
	return listFew(n.api, w, r, showOneChannel, func(v *view, organization int64) ([]notify.Channel, error) {
		return n.service.Store.Channels(r.Context(), v.caller, organization)
	})
}

func (n *notifications) answer(w http.ResponseWriter, r *http.Request, v *view, status int, c *notify.Channel, more ...jsonapi.Attribute) error {
	resource := showChannel(v, c, more...)
	w.Header().Set("Cache-Control", "no-store")
	return n.api.respond(w, r, status, v, &jsonapi.Document{One: &resource})
}

func (n *notifications) channel(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	found, err := n.service.Store.Channel(r.Context(), v.caller, id)
	if err != nil {
		return err
	}
	return n.answer(w, r, v, http.StatusOK, &found)
}

// do does something with a channel, and answers with it.
func (n *notifications) do(
	what func(context.Context, access.Caller, int64) (notify.Channel, error),
) func(http.ResponseWriter, *http.Request, *view, int64) error {
	return func(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
		changed, err := what(r.Context(), v.caller, id)
		if err != nil {
			return err
		}
		return n.answer(w, r, v, http.StatusAccepted, &changed)
	}
}

func (n *notifications) delete(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	if err := n.service.Store.Delete(r.Context(), v.caller, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// wantedOf reads what people may say of a channel.
func wantedOf(f *jsonapi.Fields, creating bool) notify.Wanted {
	var wanted notify.Wanted
	need := jsonapi.Optional
	if creating {
		need = jsonapi.Required
	}
	take := func(name string, r rule.Rule, need jsonapi.Need, at **string) {
		f.Take(name, r, need, jsonapi.NotNull, func(text *string) *fault.Violation {
			*at = text
			return nil
		})
	}
	take("name", notify.Name, need, &wanted.Name)
	take("language", rule.Choice(codes(words.Languages)), need, &wanted.Language)
	take("address", rule.Text{Max: notify.MaxAddress, Blank: true}, jsonapi.Optional, &wanted.Address)
	take("room", rule.Text{Max: notify.MaxRoom, Blank: true}, jsonapi.Optional, &wanted.Room)
	take("token", rule.Text{Max: notify.MaxToken, Blank: true}, jsonapi.Optional, &wanted.Token)
	return wanted
}

// signingKey is of the answer that has the key of a webhook, this once.
func signingKey(key string) []jsonapi.Attribute {
	if key == "" {
		return nil
	}
	return []jsonapi.Attribute{{Name: "signing_key", Value: jsonapi.String(key)}}
}

func (n *notifications) make(w http.ResponseWriter, r *http.Request) error {
	v := n.api.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	body, err := readBody(w, r, typeChannel, "")
	if err != nil {
		return err
	}
	var owner notify.Channel
	f := jsonapi.NewFields(body, true)
	f.Take("kind", rule.Choice(notify.KindNames()), jsonapi.Required, jsonapi.NotNull, func(text *string) *fault.Violation {
		owner.Kind = notify.Kind(*text)
		return nil
	})
	wanted := wantedOf(f, true)
	f.OptToOne("organization", typeOrganization, func(id string) *fault.Violation {
		var ok bool
		owner.OrganizationID, ok = int64ID(id)
		return unknownUnless(ok, id)
	})
	if err := f.Err(); err != nil {
		return err
	}
	if owner.OrganizationID == 0 {
		owner.UserID = v.caller.UserID
	}
	made, key, err := n.service.Make(r.Context(), v.caller, owner, wanted)
	if err != nil {
		return tooOften(w, err)
	}
	w.Header().Set("Location", v.url("notification-channels", v.id(made.ID)))
	return n.answer(w, r, v, http.StatusCreated, &made, signingKey(key)...)
}

func (n *notifications) change(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	if _, err := n.service.Store.Channel(r.Context(), v.caller, id); err != nil {
		return err
	}
	body, err := readBody(w, r, typeChannel, formatInt64(id))
	if err != nil {
		return err
	}
	f := jsonapi.NewFields(body, false)
	wanted := wantedOf(f, false)
	if err := f.Err(); err != nil {
		return err
	}
	changed, err := n.service.Change(r.Context(), v.caller, id, wanted)
	if err != nil {
		return err
	}
	return n.answer(w, r, v, http.StatusOK, &changed)
}

// confirm takes the code; for webhooks that answered it may be missing.
func (n *notifications) confirm(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	if _, err := n.service.Store.Channel(r.Context(), v.caller, id); err != nil {
		return err
	}
	body, err := readBody(w, r, typeChannel, formatInt64(id))
	if err != nil {
		return err
	}
	code := ""
	f := jsonapi.NewFields(body, false)
	f.Take("code", rule.Text{Max: 20, Blank: true}, jsonapi.Optional, jsonapi.NotNull, func(text *string) *fault.Violation {
		code = *text
		return nil
	})
	if err := f.Err(); err != nil {
		return err
	}
	confirmed, err := n.service.Confirm(r.Context(), v.caller, id, code)
	if err != nil {
		return err
	}
	return n.answer(w, r, v, http.StatusOK, &confirmed)
}

func (n *notifications) rotate(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	changed, key, err := n.service.Rotate(r.Context(), v.caller, id)
	if err != nil {
		return err
	}
	return n.answer(w, r, v, http.StatusOK, &changed, signingKey(key)...)
}

func showNotification(v *view, l *notify.Logged) (jsonapi.Resource, error) {
	id, channel := v.id(l.ID), v.id(l.ChannelID)
	due := jsonapi.Null()
	if l.State == notify.Waiting {
		due = jsonapi.Int(l.DueAt.Unix())
	}
	attributes := []jsonapi.Attribute{
		{Name: "kind", Value: jsonapi.String(l.Kind)},
		{Name: "state", Value: jsonapi.String(string(l.State))},
		{Name: "why", Value: optText(l.Why)},
		{Name: "written_at_s", Value: jsonapi.Int(l.WrittenAt.Unix())},
		{Name: "due_at_s", Value: due},
		{Name: "ended_at_s", Value: seconds(l.EndedAt)},
		{Name: "attempts", Value: jsonapi.Int(l.Attempts)},
		{Name: "messages", Value: jsonapi.Int(l.Together)},
		{Name: "data", Value: jsonapi.Raw(string(l.Data))},
	}
	if v.detail {
		tries, err := json.Marshal(append([]notify.Attempt{}, l.Tries...))
		if err != nil {
			return jsonapi.Resource{}, err
		}
		attributes = append(attributes, jsonapi.Attribute{Name: "tries", Value: jsonapi.Raw(string(tries))})
	}
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeNotification, ID: id},
		Attributes: v.attributes(0, attributes),
		Relationships: v.relationships([]jsonapi.Relationship{
			{Name: "channel", Linkage: jsonapi.ToOne(typeChannel, channel), Related: v.url("notification-channels", channel)},
		}),
		Self: v.url("notifications", id),
	}, nil
}

// maxLogged is the longest page of the log, and how long one is when nobody says.
const maxLogged = 50

func (n *notifications) log(w http.ResponseWriter, r *http.Request) error {
	v := n.api.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Filters: []string{"channel"}}); err != nil {
		return err
	}
	size := v.query.PageSize
	if size <= 0 || size > maxLogged {
		size = maxLogged
	}
	asked := notify.Query{Limit: size, Offset: max(v.query.PageNumber-1, 0) * size}
	if text := v.query.Filter["channel"]; text != "" {
		var ok bool
		if asked.Channel, ok = int64ID(text); !ok {
			return jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.Invalid, Parameter: "filter[channel]"}}
		}
	}
	found, count, err := n.service.Store.Log(r.Context(), v.caller, asked)
	if err != nil {
		return err
	}
	page := &jsonapi.Page{Number: max(v.query.PageNumber, 1), Size: size, Count: count, URL: n.api.BaseURL(r) + r.URL.Path + "/", Query: v.query.Values}
	if page.Number > page.Pages() {
		return jsonapi.Errors{{Status: http.StatusNotFound, Reason: reason.InvalidPage, Parameter: "page[number]"}}
	}
	resources := make([]jsonapi.Resource, len(found))
	for i := range found {
		if resources[i], err = showNotification(v, &found[i]); err != nil {
			return err
		}
	}
	return n.api.respond(w, r, http.StatusOK, v, &jsonapi.Document{Many: resources, Page: page})
}

func (n *notifications) logged(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	found, err := n.service.Store.Logged(r.Context(), v.caller, id)
	if err != nil {
		return err
	}
	return n.tell(w, r, v, http.StatusOK, &found)
}

func (n *notifications) tell(w http.ResponseWriter, r *http.Request, v *view, status int, l *notify.Logged) error {
	v.detail = true
	resource, err := showNotification(v, l)
	if err != nil {
		return err
	}
	return n.api.respond(w, r, status, v, &jsonapi.Document{One: &resource})
}

func (n *notifications) replay(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	again, err := n.service.Replay(r.Context(), v.caller, id)
	if err != nil {
		return err
	}
	return n.tell(w, r, v, http.StatusAccepted, &again)
}
