package httpapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// inventoryQuery translates what a list is asked for.
func inventoryQuery(q jsonapi.Query) (inventory.Query, error) {
	iq := inventory.Query{Limit: q.PageSize}
	if q.PageSize > 0 {
		iq.Last = q.PageNumber == 0
		iq.Offset = max(q.PageNumber-1, 0) * q.PageSize
	}
	for _, key := range q.Sort {
		iq.Sort = append(iq.Sort, inventory.Order{By: key.Name, Descending: key.Descending})
	}
	var errs jsonapi.Errors
	for _, name := range slices.Sorted(maps.Keys(q.Filter)) {
		value := q.Filter[name]
		if value == "" {
			continue
		}
		valid := true
		switch name {
		case "organization":
			iq.Organization, valid = int64ID(value)
		case "site":
			iq.Site, valid = int64ID(value)
		case "room":
			iq.Room, valid = int64ID(value)
		case "user":
			iq.User, valid = int64ID(value)
		case "node":
			iq.Node, valid = inventory.ParseNodeID(value)
		case "rule":
			iq.Rule, valid = int64ID(value)
		case "open":
			open := value == "true"
			iq.Open, valid = &open, open || value == "false"
		case "username":
			iq.Username = value
		case "email":
			iq.Email = strings.TrimSpace(value)
		case "box":
			iq.Box, valid = parseBox(value)
		case "search":
			iq.Search = strings.Fields(value)
		}
		if !valid {
			errs = append(errs, &jsonapi.Error{Status: 400, Reason: reason.Invalid, Parameter: "filter[" + name + "]"})
		}
	}
	if len(errs) > 0 {
		return iq, errs
	}
	return iq, nil
}

// under is the filter that a list's path stands for: what is asked for under a parent.
type under struct {
	filter, id string
	// names reports whether a text is the parent's id.
	names func(string) bool
}

// put sets the filter. A request that names another parent there asks for two things at once.
func (u under) put(q *jsonapi.Query) error {
	if u.filter == "" {
		return nil
	}
	if asked := q.Filter[u.filter]; asked != "" && !u.names(asked) {
		return jsonapi.Errors{{Status: 400, Reason: reason.OtherParent, Parameter: "filter[" + u.filter + "]"}}
	}
	if q.Filter == nil {
		q.Filter = map[string]string{}
	}
	q.Filter[u.filter] = u.id
	return nil
}
