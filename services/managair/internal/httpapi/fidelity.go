package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

const (
	typeFidelity = "Fidelity"
	typeOutage   = "Outage"
	typeRadio    = "Radio"
)

// addFidelity adds the routes that tell which nodes report, when they did not, and how
// they are received.
func (a *API) addFidelity(
	nodes inventory.Repository[fidelity.Node, inventory.NodeID], outages inventory.Repository[fidelity.Outage, int64],
	radio inventory.Repository[fidelity.Radio, inventory.NodeID],
) {
	states, times := fidelities(nodes), outagesOf(outages)
	states.addRoutes(a)
	times.addRoutes(a)
	radios(radio).addRoutes(a)
	a.add(Route{
		Method: http.MethodGet, Pattern: Base + "/nodes/{id}/outages", Audience: access.Outages.Read,
		Handler: listUnder(a, states, times, "node"),
	})
}

func fidelities(nodes inventory.Repository[fidelity.Node, inventory.NodeID]) *resource[fidelity.Node, inventory.NodeID] {
	return &resource[fidelity.Node, inventory.NodeID]{
		typ: typeFidelity, path: "fidelity", permissions: access.Fidelity, repository: nodes,
		ids:     byNodeID,
		filters: []string{"organization", "site", "room", "node"}, sorts: []string{"id", "fidelity", "last_contact_s"},
		show: func(v *view, n *fidelity.Node) jsonapi.Resource {
			id := n.ID.String()
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeFidelity, ID: id},
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "fidelity", Value: jsonapi.String(string(rune(n.State)))},
					{Name: "fault", Value: optText(string(n.Fault))},
					{Name: "fault_since_s", Value: optTime(n.FaultSince)},
					{Name: "last_contact_s", Value: optTime(n.LastContact)},
					{Name: "last_check_s", Value: optTime(n.CheckedAt)},
					{Name: "battery_percent", Value: jsonapi.OptInt(n.BatteryPercent)},
					{Name: "battery_millivolts", Value: jsonapi.OptInt(n.BatteryMillivolts)},
					{Name: "rssi_dbm", Value: jsonapi.OptInt(n.RSSIdBm)},
				}),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "node", Linkage: jsonapi.ToOne(typeNode, id), Related: v.url("nodes", id)},
				}),
				Self: v.url("fidelity", id),
			}
		},
	}
}

func outagesOf(repository inventory.Repository[fidelity.Outage, int64]) *resource[fidelity.Outage, int64] {
	return &resource[fidelity.Outage, int64]{
		typ: typeOutage, path: "outages", permissions: access.Outages, repository: repository,
		ids:     byNumber,
		filters: []string{"organization", "site", "room", "node"}, sorts: []string{"id", "from_timestamp_s", "to_timestamp_s"},
		show: func(v *view, o *fidelity.Outage) jsonapi.Resource {
			id, node := v.id(o.ID), o.NodeID.String()
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeOutage, ID: id},
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "from_timestamp_s", Value: optTime(o.From)},
					{Name: "to_timestamp_s", Value: optTime(o.To)},
					{Name: "noticed_timestamp_s", Value: optTime(o.NoticedAt)},
					{Name: "dead_timestamp_s", Value: optTime(o.DeadAt)},
				}),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "node", Linkage: jsonapi.ToOne(typeNode, node), Related: v.url("nodes", node)},
				}),
				Self: v.url("outages", id),
			}
		},
	}
}

func radios(nodes inventory.Repository[fidelity.Radio, inventory.NodeID]) *resource[fidelity.Radio, inventory.NodeID] {
	return &resource[fidelity.Radio, inventory.NodeID]{
		typ: typeRadio, path: "radio", permissions: access.Fidelity, repository: nodes,
		ids:     byNodeID,
		filters: []string{"organization", "site", "room", "node"}, sorts: []string{"id", "last_contact_s"},
		show: func(v *view, r *fidelity.Radio) jsonapi.Resource {
			id := r.ID.String()
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeRadio, ID: id},
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "reception", Value: jsonapi.String(string(r.Reception()))},
					{Name: "last_contact_s", Value: optTime(r.LastContact)},
					{Name: "spreading_factor", Value: jsonapi.OptInt(r.SpreadingFactor)},
					{Name: "bandwidth_khz", Value: jsonapi.OptInt(r.BandwidthKHz)},
					{Name: "frequency_hz", Value: jsonapi.OptInt(r.FrequencyHz)},
					{Name: "gateways", Value: jsonapi.OptInt(r.Gateways)},
					{Name: "rssi_dbm", Value: jsonapi.OptInt(r.RSSIdBm)},
					{Name: "snr_db", Value: optTenths(r.SNRdB)},
					{Name: "days", Value: jsonapi.Int(fidelity.RadioDays)},
					{Name: "uplinks", Value: jsonapi.Int(r.Uplinks)},
					{Name: "uplinks_lost", Value: jsonapi.Int(r.Lost())},
					{Name: "mean_spreading_factor", Value: optTenths(r.Mean.SpreadingFactor)},
					{Name: "mean_gateways", Value: optTenths(r.Mean.Gateways)},
					{Name: "mean_rssi_dbm", Value: optTenths(r.Mean.RSSIdBm)},
					{Name: "mean_snr_db", Value: optTenths(r.Mean.SNRdB)},
				}),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "node", Linkage: jsonapi.ToOne(typeNode, id), Related: v.url("nodes", id)},
				}),
				Self: v.url("radio", id),
			}
		},
	}
}

// optTenths returns a number with one decimal, and null for nil.
func optTenths(v *float64) jsonapi.Value {
	if v == nil {
		return jsonapi.Null()
	}
	return jsonapi.Raw(strconv.FormatFloat(*v, 'f', 1, 64))
}

// optText returns a text, and null for none.
func optText(text string) jsonapi.Value {
	if text == "" {
		return jsonapi.Null()
	}
	return jsonapi.String(text)
}

// optTime returns Unix seconds, and null for the zero time.
func optTime(t time.Time) jsonapi.Value {
	if t.IsZero() {
		return jsonapi.Null()
	}
	return jsonapi.Int(t.Unix())
}
