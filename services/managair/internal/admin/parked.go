package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// parkedData is what the page of unknown devices shows.
type parkedData struct {
	Nodes []backoffice.ParkedNode
	// Code is the form for the code of any device.
	Code []formField
	// protocols are the inventory's, by their families in upper case.
	protocols map[string]string
}

// register leads to the form that makes an unknown node known.
func (d parkedData) register(n backoffice.ParkedNode) string {
	known := url.Values{}
	for name, value := range map[string]string{
		"id": n.NodeID.String(), "eui64": n.DevEUI, "alias": n.DeviceID, "protocol_id": d.protocols[inventory.Family(n.Protocol)],
	} {
		if value != "" {
			known.Set(name, value)
		}
	}
	return "/admin/node/add/?" + known.Encode()
}

// assign leads to the form that assigns a device's application to an organization, or
// shows to which it is assigned.
func assign(n backoffice.ParkedNode) string {
	return "/admin/network_application/?" + url.Values{"q": {n.Application}}.Encode()
}

func (a *Admin) parked(w http.ResponseWriter, r *request) error {
	return a.showParked(w, r, http.StatusOK, "", nil)
}

// claimCode makes the code by which the one to whom a device belongs registers it. It
// is shown once.
func (a *Admin) claimCode(w http.ResponseWriter, r *request) error {
	s, _ := backoffice.Find("claim_code")
	wrong := wrongs{}
	again, err := a.find(r, s, wrong)
	if err != nil {
		return err
	}
	if again {
		return a.showParked(w, r, http.StatusOK, "", wrong)
	}
	wanted := claim.Request{EUI64: r.PostForm.Get("eui64")}
	device := wanted.EUI64
	if wanted.Organization, err = strconv.ParseInt(r.PostForm.Get("organization_id"), 10, 64); err != nil && r.PostForm.Get("organization_id") != "" {
		wrong["organization_id"] = reason.DoesNotExist.In(r.lang)
	}
	if node := r.PostForm.Get("node"); node != "" {
		if wanted.Node, err = uuid.Parse(node); err != nil {
			return notFound()
		}
		device = node
	} else if device == "" {
		wrong["eui64"] = reason.Required.In(r.lang)
	}
	code := ""
	if len(wrong) == 0 {
		code, err = a.Store.ClaimCode(r.Context(), r.caller, wanted)
		if !blame(r.lang, err, []string{""}, wrong) && err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return a.showParked(w, r, http.StatusUnprocessableEntity, "", wrong)
	}
	return a.showParked(w, r, http.StatusOK, words.ClaimCodeMade.In(r.lang, device, code), nil)
}

func (a *Admin) showParked(w http.ResponseWriter, r *request, status int, note string, wrong wrongs) error {
	nodes, err := a.Store.Parked(r.Context(), r.caller)
	if err != nil {
		return err
	}
	protocols, _, err := a.Store.Options(r.Context(), r.caller, "node_protocol", backoffice.OptionQuery{Limit: maxOptions})
	if err != nil {
		return err
	}
	d := parkedData{Nodes: nodes, protocols: map[string]string{}}
	for _, p := range slices.Backward(protocols) { // of several, the first counts
		d.protocols[inventory.Family(p.Label)] = p.ID
	}
	s, _ := backoffice.Find("claim_code")
	p := newPickers(a, r)
	for _, name := range []string{"eui64", "organization_id"} {
		f, _ := s.Field(name)
		ff := formField{Field: f, Input: name, Value: r.PostForm.Get(name), Wrong: wrong[name]}
		if note != "" {
			ff.Value = ""
		}
		ff.Required = name == "eui64"
		if err := p.fill(&ff); err != nil {
			return err
		}
		d.Code = append(d.Code, ff)
	}
	v := r.view(words.Parked.In(r.lang))
	v.Here, v.Note = "parked", note
	if len(wrong) > 0 {
		v.Bad = words.SeeBelow.In(r.lang)
	}
	return show(w, r, status, v, parkedPage(v, d))
}
