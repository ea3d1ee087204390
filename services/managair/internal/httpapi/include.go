package httpapi

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// maxIncludes is how many of the paths are followed.
const maxIncludes = 20

// include follows the relationship paths that are asked for, a level of all
// resources at a time.
func (a *API) include(ctx context.Context, v *view, doc *jsonapi.Document) error {
	primary := doc.Many
	if doc.One != nil {
		primary = []jsonapi.Resource{*doc.One}
	}
	paths := v.query.Include
	if len(paths) == 0 && len(primary) > 0 && primary[0].Type == "Site" {
		// The predecessor's sites always came with their address.
		paths = []string{"address"}
	}
	if len(paths) > maxIncludes {
		paths = paths[:maxIncludes]
	}
	if len(paths) == 0 {
		return nil
	}
	seen := map[jsonapi.Identifier]bool{}
	for _, r := range primary {
		seen[r.Identifier] = true
	}
	for _, path := range paths {
		level := primary
		for name := range strings.SplitSeq(path, ".") {
			next, err := a.follow(ctx, v, level, name)
			if err != nil {
				return err
			}
			for _, r := range next {
				if !seen[r.Identifier] {
					seen[r.Identifier] = true
					doc.Included = append(doc.Included, r)
				}
			}
			level = next
		}
	}
	return nil
}

// follow returns the resources that the relationship leads to from all of the
// given ones.
func (a *API) follow(ctx context.Context, v *view, from []jsonapi.Resource, name string) ([]jsonapi.Resource, error) {
	if len(from) == 0 {
		return nil, nil
	}
	ids := map[string][]string{}
	for i := range from {
		rel, ok := from[i].Relationship(name)
		if !ok || !rel.Linkage.Given() {
			return nil, jsonapi.Errors{{
				Status: http.StatusBadRequest, Reason: reason.IncludeUnknown, Parameter: "include",
				Args: jsonapi.Among(name, includable(&from[i])),
			}}
		}
		for _, id := range rel.Linkage.Identifiers() {
			if !slices.Contains(ids[id.Type], id.ID) {
				ids[id.Type] = append(ids[id.Type], id.ID)
			}
		}
	}
	var found []jsonapi.Resource
	for _, typ := range slices.Sorted(maps.Keys(ids)) {
		load, ok := a.loaders[typ]
		if !ok {
			return nil, fmt.Errorf("nobody loads resources of type %s", typ)
		}
		resources, err := load(ctx, v, ids[typ])
		if err != nil {
			return nil, err
		}
		found = append(found, resources...)
	}
	return found, nil
}

func includable(r *jsonapi.Resource) []string {
	var names []string
	for _, rel := range r.Relationships {
		if rel.Linkage.Given() {
			names = append(names, rel.Name)
		}
	}
	return names
}
