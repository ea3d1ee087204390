package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

const (
	typeAlertEpisode  = "AlertEpisode"
	typeAlertTemplate = "AlertTemplate"
)

// addAlerts adds the routes to what came of rules, and to what makes them by one request.
func (a *API) addAlerts(desk alert.Desk) {
	episodes := &resource[alert.Episode, int64]{
		typ: typeAlertEpisode, path: "alert-episodes", permissions: access.AlertEpisodes, repository: desk,
		ids:     byNumber,
		filters: []string{"organization", "site", "room", "node", "rule", "open"}, sorts: []string{"id", "opened_at_s"},
		show: showEpisode,
	}
	episodes.addRoutes(a)
	a.add(
		Route{
			Method: http.MethodPatch, Pattern: Base + "/alert-episodes/{id}", Audience: access.AlertEpisodes.Change,
			Handler: episodes.withID(func(w http.ResponseWriter, r *http.Request, id int64) error {
				return a.answerEpisode(w, r, desk, episodes, id)
			}),
		},
		Route{Method: http.MethodGet, Pattern: Base + "/alert-templates", Audience: access.Accounts, Handler: a.alertTemplates},
		Route{Method: http.MethodPost, Pattern: Base + "/alert-templates/{id}", Audience: access.AlertRules.Create, Handler: a.useTemplate},
	)
}

func showEpisode(v *view, e *alert.Episode) jsonapi.Resource {
	id, organization, of := v.id(e.ID), v.id(e.OrganizationID), v.id(e.RuleID)
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeAlertEpisode, ID: id},
		Attributes: v.attributes(0, []jsonapi.Attribute{
			{Name: "rule_name", Value: jsonapi.String(e.RuleName)},
			{Name: "condition", Value: jsonapi.String(string(e.Kind))},
			{Name: "quantity", Value: jsonapi.OptString(e.Quantity)},
			{Name: "node_alias", Value: jsonapi.String(e.NodeAlias)},
			{Name: "room_name", Value: jsonapi.OptString(e.RoomName)},
			{Name: "site_name", Value: jsonapi.OptString(e.SiteName)},
			{Name: "opened_at_s", Value: jsonapi.Int(e.OpenedAt.Unix())},
			{Name: "noticed_at_s", Value: jsonapi.Int(e.NoticedAt.Unix())},
			{Name: "closed_at_s", Value: seconds(e.ClosedAt)},
			{Name: "close_reason", Value: jsonapi.OptString(e.CloseReason)},
			{Name: "threshold", Value: alertFigure(e.Threshold)},
			{Name: "value", Value: alertFigure(e.Value)},
			{Name: "worst", Value: alertFigure(e.Worst)},
			{Name: "acknowledged_at_s", Value: seconds(e.AcknowledgedAt)},
			{Name: "snoozed_until_s", Value: seconds(e.SnoozedUntil)},
			{Name: "tell_count", Value: jsonapi.Int(e.TellCount)},
			{Name: "history", Value: history(e.History)},
		}),
		Relationships: v.relationships([]jsonapi.Relationship{
			{Name: "organization", Linkage: jsonapi.ToOne(typeOrganization, organization), Related: v.url("organizations", organization)},
			{Name: "rule", Linkage: jsonapi.ToOne(typeAlertRule, of), Related: v.url("alert-rules", of)},
			toNumbered(v, "site", typeSite, "sites", e.SiteID),
			toNumbered(v, "room", typeRoom, "rooms", e.RoomID),
			toNode(v, &e.NodeID),
		}),
		Self: v.url("alert-episodes", id),
	}
}

// alertFigure is a number as it is, without a unit: that of the quantity.
func alertFigure(f *float64) jsonapi.Value {
	if f == nil {
		return jsonapi.Null()
	}
	text, err := json.Marshal(*f)
	if err != nil { // it is none that JSON knows
		return jsonapi.Null()
	}
	return jsonapi.Raw(string(text))
}

func history(events []alert.Event) jsonapi.Value {
	type shown struct {
		At       int64           `json:"at_s"`
		Kind     alert.EventKind `json:"kind"`
		User     *string         `json:"user_name"`
		Channels []int64         `json:"channels"`
		Until    *int64          `json:"until_s"`
		Reason   *alert.Closing  `json:"reason"`
	}
	all := make([]shown, len(events))
	for i, e := range events {
		all[i] = shown{At: e.At.Unix(), Kind: e.Kind, Channels: append([]int64{}, e.Channels...)}
		if e.User != "" {
			all[i].User = &e.User
		}
		if e.Reason != "" {
			all[i].Reason = &e.Reason
		}
		if e.Until != nil {
			until := e.Until.Unix()
			all[i].Until = &until
		}
	}
	value, err := list(all)
	if err != nil {
		return jsonapi.Null()
	}
	return value
}

// answerEpisode acknowledges an episode, or puts it off.
func (a *API) answerEpisode(w http.ResponseWriter, r *http.Request, desk alert.Desk, episodes *resource[alert.Episode, int64], id int64) error {
	v := a.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	if _, err := desk.Get(r.Context(), v.caller, id); err != nil {
		return err
	}
	body, err := readBody(w, r, typeAlertEpisode, formatInt64(id))
	if err != nil {
		return err
	}
	var answer alert.Answer
	f := jsonapi.NewFields(body, false)
	f.Now = v.now
	f.Take("acknowledged", rule.Bool{}, jsonapi.Optional, jsonapi.NotNull, func(text *string) *fault.Violation {
		clean, wrong := rule.Bool{}.Clean(*text)
		if answer.Acknowledge = clean == "true"; wrong == nil && !answer.Acknowledge {
			wrong = &fault.Violation{Reason: reason.ReadOnly} // what somebody knows they do not forget
		}
		return wrong
	})
	f.Moment("snoozed_until_s", inventory.MinMoment, inventory.MaxMoment, jsonapi.Optional, jsonapi.NotNull, func(seconds *int64) *fault.Violation {
		until := time.Unix(*seconds, 0).UTC()
		answer.SnoozeUntil = &until
		return nil
	})
	if err := f.Err(); err != nil {
		return err
	}
	answered, err := desk.Answer(r.Context(), v.caller, id, answer, v.now)
	if err != nil {
		return err
	}
	return episodes.respondOne(a, w, r, http.StatusOK, v, answered)
}

func (a *API) alertTemplates(w http.ResponseWriter, r *http.Request) error {
	v := a.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	language := web.LanguageOf(r)
	resources := make([]jsonapi.Resource, 0, len(alert.Templates()))
	for _, t := range alert.Templates() {
		resources = append(resources, jsonapi.Resource{
			Identifier: jsonapi.Identifier{Type: typeAlertTemplate, ID: t.ID},
			Attributes: v.attributes(0, []jsonapi.Attribute{
				{Name: "name", Value: jsonapi.String(words.AlertTemplates[t.ID].In(language))},
				{Name: "description", Value: jsonapi.String(words.AlertTemplateHelp[t.ID].In(language))},
				{Name: "rule_count", Value: jsonapi.Int(len(t.Rules))},
			}),
		})
	}
	w.Header().Add("Vary", "Accept-Language")
	return a.respondFew(w, r, v, resources)
}

// useTemplate makes the rules of a template: all of them, or none. Those that are there already
// stay as they are, so that a second click does no harm, and brings back what was deleted.
func (a *API) useTemplate(w http.ResponseWriter, r *http.Request) error {
	template, ok := alert.FindTemplate(r.PathValue("id"))
	if !ok {
		return errNotFound()
	}
	v := a.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	body, err := readBody(w, r, typeAlertTemplate, template.ID)
	if err != nil {
		return err
	}
	wanted := inventory.AlertRules.New()
	f := jsonapi.NewFields(body, true)
	for _, field := range inventory.AlertRules.Fields() {
		set := func(text *string) *fault.Violation { return inventory.AlertRules.Set(&wanted, field.Name, text) }
		switch field.Name {
		case "personal":
			f.Take(field.Name, field.Rule, jsonapi.Optional, jsonapi.NotNull, set)
		case "organization":
			f.ToOne(field.Name, typeOrganization, jsonapi.Required, func(id string) *fault.Violation { return set(&id) })
		}
	}
	takeScope(f, &wanted)
	if err := f.Err(); err != nil {
		return err
	}
	resources := make([]jsonapi.Resource, 0, len(template.Rules))
	status := http.StatusOK
	err = a.inventory.Atomically(r.Context(), func(store inventory.Store) error {
		resources, status = resources[:0], http.StatusOK
		there, _, err := store.AlertRules.List(r.Context(), v.caller, inventory.Query{Organization: wanted.OrganizationID})
		if err != nil {
			return err
		}
		for _, one := range template.Rules {
			one.Name = words.AlertRuleNames[*one.Template].In(web.LanguageOf(r))
			one.Personal, one.OrganizationID = wanted.Personal, wanted.OrganizationID
			one.SiteID, one.RoomID, one.NodeID = wanted.SiteID, wanted.RoomID, wanted.NodeID
			if i := slices.IndexFunc(there, func(old inventory.AlertRule) bool { return alert.SameUse(&old, &one) }); i >= 0 {
				resources = append(resources, showAlertRule(v, &there[i]))
				continue
			}
			made, err := store.AlertRules.Create(r.Context(), v.caller, one)
			if err != nil {
				return err
			}
			resources, status = append(resources, showAlertRule(v, &made)), http.StatusCreated
		}
		return nil
	})
	if err != nil {
		return err
	}
	page := &jsonapi.Page{Number: 1, Count: len(resources), URL: a.BaseURL(r) + r.URL.Path + "/", Query: v.query.Values}
	return a.respond(w, r, status, v, &jsonapi.Document{Many: resources, Page: page})
}
