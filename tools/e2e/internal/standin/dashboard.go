package standin

import (
	"errors"
	"fmt"
	"slices"
)

// Dashboard is what matters of a dashboard's JSON.
type Dashboard struct {
	UID           string  `json:"uid"`
	Title         string  `json:"title"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []Panel `json:"panels"`
}

// Panel is a place on a dashboard, with its queries.
type Panel struct {
	ID         int    `json:"id"`
	Title      string `json:"title"`
	Type       string `json:"type"`
	Datasource *struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	} `json:"datasource"`
	GridPos struct{ X, Y, W, H int } `json:"gridPos"`
	Targets []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

// panelTypes are those of Grafana's own panels that we use.
var panelTypes = []string{"timeseries", "stat", "row", "text", "bargauge", "gauge", "table"}

// check says what Grafana would not take, or would show as an empty or hidden panel.
func (d *Dashboard) check(sources []grafanaSource) error {
	const columns, longestUID = 24, 40
	var all []error
	wrong := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if d.UID == "" || len(d.UID) > longestUID || d.Title == "" || d.SchemaVersion == 0 || len(d.Panels) == 0 {
		wrong("uid %q, title %q, schemaVersion %d, %d panels", d.UID, d.Title, d.SchemaVersion, len(d.Panels))
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			wrong("%s: id %d is none, or another panel's", p.Title, p.ID)
		}
		ids[p.ID] = true
		if !slices.Contains(panelTypes, p.Type) {
			wrong("%s: type %q", p.Title, p.Type)
		}
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > columns {
			wrong("%s: place %+v", p.Title, g)
			continue
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					wrong("%s is over %s", p.Title, other)
					x = columns
					break
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" || p.Type == "text" {
			continue
		}
		if p.Datasource == nil || !slices.ContainsFunc(sources, func(s grafanaSource) bool {
			return s.UID == p.Datasource.UID && s.Type == p.Datasource.Type
		}) {
			wrong("%s: no such datasource", p.Title)
		}
		refs := map[string]bool{}
		for _, t := range p.Targets {
			if t.RefID == "" || refs[t.RefID] || t.Expr == "" {
				wrong("%s: query %q is none, or there are two: %q", p.Title, t.RefID, t.Expr)
			}
			refs[t.RefID] = true
		}
		if len(p.Targets) == 0 {
			wrong("%s: no query", p.Title)
		}
	}
	return errors.Join(all...)
}
