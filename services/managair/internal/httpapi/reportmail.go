package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/reportmail"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

const typeReportSubscription = "ReportSubscription"

// reportMails answers what is asked of reports by mail. A subscription has the id of its site: the
// caller has one of each.
type reportMails struct {
	api   *API
	store reportmail.Store
}

func (a *API) addReportMails(store reportmail.Store) {
	m := &reportMails{a, store}
	const one = Base + "/sites/{id}/report-subscription"
	a.add(
		Route{Method: http.MethodGet, Pattern: Base + "/report-subscriptions", Audience: access.Accounts, Handler: m.list},
		Route{Method: http.MethodGet, Pattern: one, Audience: access.Members, Handler: m.one(http.StatusOK, m.get)},
		Route{Method: http.MethodPatch, Pattern: one, Audience: access.Members, Handler: m.one(http.StatusOK, m.change)},
		Route{Method: http.MethodPost, Pattern: one + "/send", Audience: access.Members, Handler: m.one(http.StatusAccepted, m.send)},
	)
}

// shownPast is a mail that was sent, or is to be.
type shownPast struct {
	Kind     reportmail.Kind `json:"kind"`
	FirstDay string          `json:"first_day"`
	LastDay  string          `json:"last_day"`
	State    string          `json:"state"`
	Why      *string         `json:"why"`
	EndedAt  *int64          `json:"ended_at_s"`
}

func showReportSubscription(v *view, s *reportmail.Subscription) jsonapi.Resource {
	id, organization := v.id(s.SiteID), v.id(s.OrganizationID)
	past := make([]shownPast, len(s.Past))
	for i, p := range s.Past {
		past[i] = shownPast{Kind: p.Kind, FirstDay: p.Period.First.String(), LastDay: p.Period.Last.String(), State: p.State}
		if p.Why != "" {
			past[i].Why = &p.Why
		}
		if !p.EndedAt.IsZero() {
			past[i].EndedAt = new(p.EndedAt.Unix())
		}
	}
	mails, _ := json.Marshal(past) // texts and numbers
	next := func(k reportmail.Kind) jsonapi.Value {
		if !s.Wants(k) {
			return jsonapi.Null()
		}
		return jsonapi.Int(k.NextAt(v.now, s.Zone).Unix())
	}
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeReportSubscription, ID: id},
		Attributes: v.attributes(0, []jsonapi.Attribute{
			{Name: "weekly", Value: jsonapi.Bool(s.Weekly)},
			{Name: "monthly", Value: jsonapi.Bool(s.Monthly)},
			{Name: "language", Value: jsonapi.String(s.Language)},
			{Name: "address", Value: optText(s.Address)},
			{Name: "next_weekly_at_s", Value: next(reportmail.Week)},
			{Name: "next_monthly_at_s", Value: next(reportmail.Month)},
			{Name: "site_name", Value: jsonapi.String(s.Site)},
			{Name: "organization_name", Value: jsonapi.String(s.Organization)},
			{Name: "mails", Value: jsonapi.Raw(string(mails))},
		}),
		Relationships: v.relationships([]jsonapi.Relationship{
			{Name: "site", Linkage: jsonapi.ToOne(typeSite, id), Related: v.url("sites", id)},
			{Name: "organization", Linkage: jsonapi.ToOne(typeOrganization, organization), Related: v.url("organizations", organization)},
		}),
		Self: v.url("sites", id, "report-subscription"),
	}
}

func (m *reportMails) list(w http.ResponseWriter, r *http.Request) error {
	return listFew(m.api, w, r, showReportSubscription, func(v *view, organization int64) ([]reportmail.Subscription, error) {
		return m.store.Subscriptions(r.Context(), v.caller, organization)
	})
}

// doer does something with the caller's subscription to a site; language is of one that is not there yet.
type doer func(w http.ResponseWriter, r *http.Request, v *view, site int64, language string) (reportmail.Subscription, error)

func (m *reportMails) one(status int, do doer) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, ok := int64ID(r.PathValue("id"))
		if !ok {
			return errNotFound()
		}
		v := m.api.newView(r)
		defer v.free()
		var err error
		if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Extra: []string{"lang"}}); err != nil {
			return err
		}
		language, err := reportLanguage(r, v.query)
		if err != nil {
			return err
		}
		found, err := do(w, r, v, id, language)
		if err != nil {
			return tooOften(w, err)
		}
		resource := showReportSubscription(v, &found)
		w.Header().Set("Cache-Control", "no-store")
		return m.api.respond(w, r, status, v, &jsonapi.Document{One: &resource})
	}
}

func (m *reportMails) get(_ http.ResponseWriter, r *http.Request, v *view, site int64, language string) (reportmail.Subscription, error) {
	return m.store.Subscription(r.Context(), v.caller, site, language)
}

func (m *reportMails) change(w http.ResponseWriter, r *http.Request, v *view, site int64, language string) (reportmail.Subscription, error) {
	found, err := m.store.Subscription(r.Context(), v.caller, site, language)
	if err != nil {
		return found, err
	}
	body, err := readBody(w, r, typeReportSubscription, formatInt64(site))
	if err != nil {
		return found, err
	}
	var wanted reportmail.Wanted
	f := jsonapi.NewFields(body, false)
	for name, at := range map[string]**bool{"weekly": &wanted.Weekly, "monthly": &wanted.Monthly} {
		f.Take(name, rule.Bool{}, jsonapi.Optional, jsonapi.NotNull, func(text *string) *fault.Violation {
			clean, wrong := rule.Bool{}.Clean(*text)
			if on, err := strconv.ParseBool(clean); wrong == nil && err == nil {
				*at = &on
			}
			return wrong
		})
	}
	takeChoice(f, "language", codes(words.ReportLanguages), jsonapi.Optional, func(clean string) { wanted.Language = &clean })
	if err := f.Err(); err != nil {
		return found, err
	}
	return m.store.Change(r.Context(), v.caller, site, language, wanted, m.api.now())
}

func (m *reportMails) send(w http.ResponseWriter, r *http.Request, v *view, site int64, language string) (reportmail.Subscription, error) {
	found, err := m.store.Subscription(r.Context(), v.caller, site, language)
	if err != nil {
		return found, err
	}
	body, err := readBody(w, r, typeReportSubscription, formatInt64(site))
	if err != nil {
		return found, err
	}
	var kind reportmail.Kind
	kinds := make([]string, len(reportmail.Kinds))
	for i, k := range reportmail.Kinds {
		kinds[i] = string(k)
	}
	f := jsonapi.NewFields(body, true)
	takeChoice(f, "kind", kinds, jsonapi.Required, func(clean string) { kind = reportmail.Kind(clean) })
	if err := f.Err(); err != nil {
		return found, err
	}
	return m.store.Ask(r.Context(), v.caller, site, language, kind, m.api.now())
}
