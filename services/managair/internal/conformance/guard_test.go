package conformance_test

import (
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
)

// stranger is OWNER of organization 2, school of organization 1; neither administers.
var stranger, school = access.Caller{UserID: 3}, access.Caller{UserID: 2}

func newStrangersWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.exec(t, "INSERT INTO user_account (id, username) VALUES (3, 'mallory')")
	w.exec(t, "INSERT INTO membership (user_id, organization_id, role) VALUES (3, 2, 'O')")
	return w
}

func nodeOf(n int, owner int64) inventory.Node {
	node := newNode(n)
	node.OwnerID = owner
	return node
}

// Whatever a device sends, it belongs to somebody: also what was rejected, or that no
// codec could read, and also what it sent before its sensor was deleted.
func TestDevicesAreGuardedByWhateverTheySend(t *testing.T) {
	t.Parallel()
	w := newStrangersWorld(t)
	for name, of := range map[string]struct {
		n     int
		sends func(n inventory.Node)
	}{
		"something that no codec reads": {1, func(n inventory.Node) { w.exec(t, "SELECT hear_devices(ARRAY[$1])", n.EUI64) }},
		"something that is rejected, by a script": {2, func(n inventory.Node) {
			id, _ := inventory.NodeIDOf("ERS", n.EUI64)
			w.exec(t, "INSERT INTO rejected_sample (node_id, time_s, co2_ppm, reason, field, detail) VALUES ($1, 1, 1, 'too_old', '', '')", id)
		}},
	} {
		of.sends(nodeOf(of.n, 2))
		if got := w.claim(t, claim.Code, stranger, nodeOf(of.n, 2), ""); got != "claim_needed" {
			t.Errorf("%s: %q, want claim_needed", name, got)
		}
	}
}

// A sensor that is deleted leaves its device to whom it belonged, and to nobody where an
// administrator deleted it. One that never sent leaves nothing: else registering and
// deleting a run of numbers would keep them all. What a script of its owner has sent is
// nothing, for that.
func TestDeletedSensorsLeaveTheirDevices(t *testing.T) {
	t.Parallel()
	w := newStrangersWorld(t)
	store := postgres.NewInventory(w.as)
	register := func(n int) inventory.NodeID {
		made, err := store.Nodes.Create(t.Context(), school, nodeOf(n, 1))
		if err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	remove := func(who access.Caller, id inventory.NodeID) {
		if err := store.Nodes.Delete(t.Context(), who, id); err != nil {
			t.Fatal(err)
		}
	}
	w.park(t, nodeOf(1, 1))
	remove(school, register(1))
	w.park(t, nodeOf(1, 1)) // and sends on
	w.park(t, nodeOf(2, 1))
	remove(access.Caller{UserID: 1, Administers: true}, register(2))
	remove(school, register(3))
	scripted := register(4)
	script(t, w, nodeOf(4, 1).EUI64)
	remove(school, scripted)
	for _, step := range []struct {
		name string
		who  access.Caller
		node inventory.Node
		want string
	}{
		{"a stranger", stranger, nodeOf(1, 2), "claim_needed"},
		{"whose it was", school, nodeOf(1, 1), ""},
		{"whom an administrator took it from", school, nodeOf(2, 1), "claim_needed"},
		{"one that never sent", stranger, nodeOf(3, 2), ""},
		{"one for which only a script of its owner has sent", stranger, nodeOf(4, 2), ""},
	} {
		if got := w.claim(t, claim.Code, step.who, step.node, ""); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}

// The administrators have assigned an application of the network server: its devices are
// the organization's, and a code does it, too.
func TestDevicesOfAnAssignedApplication(t *testing.T) {
	t.Parallel()
	w := newStrangersWorld(t)
	w.exec(t, "INSERT INTO network_application (application, organization_id) VALUES ('school', 1), ('strangers', 2)")
	hear := func(n int, application string) {
		w.exec(t, "SELECT hear_uplinks(ARRAY[$1], ARRAY[nullif($2, '')])", nodeOf(n, 1).EUI64, application)
	}
	for n, application := range map[int]string{1: "school", 2: "school", 3: "nobody's", 4: "", 5: "strangers"} {
		hear(n, application)
	}
	hear(5, "school") // it moved
	w.park(t, nodeOf(6, 1))
	code := w.code(t, claim.Request{EUI64: nodeOf(3, 1).EUI64, Organization: 2})
	for _, step := range []struct {
		name   string
		policy claim.Policy
		who    access.Caller
		node   inventory.Node
		code   string
		want   string
	}{
		{"of the school, by a stranger", claim.Application, stranger, nodeOf(1, 2), "", "claim_needed"},
		{"of the school, by the school", claim.Application, school, nodeOf(1, 1), "", ""},
		{"of the school, where only codes count", claim.Code, school, nodeOf(2, 1), "", "claim_needed"},
		{"of an application that is assigned to nobody", claim.Application, stranger, nodeOf(3, 2), "", "claim_needed"},
		{"with a wrong code", claim.Application, stranger, nodeOf(3, 2), "AAAA-AAAA-AAAAA", "claim_wrong"},
		{"with a code", claim.Application, stranger, nodeOf(3, 2), code, ""},
		{"of an application that was not told", claim.Application, school, nodeOf(4, 1), "", "claim_needed"},
		{"of an application that it was in before", claim.Application, stranger, nodeOf(5, 2), "", "claim_needed"},
		{"of the application that it is in now", claim.Application, school, nodeOf(5, 1), "", ""},
		{"of which only samples wait", claim.Application, school, nodeOf(6, 1), "", "claim_needed"},
		{"by an administrator", claim.Application, access.Caller{UserID: 1, Superuser: true}, nodeOf(4, 1), "", ""},
		{"that has never sent", claim.Application, stranger, nodeOf(7, 2), "", ""},
	} {
		if got := w.claim(t, step.policy, step.who, step.node, step.code); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
	w.exec(t, "DELETE FROM network_application")
	if got := w.claim(t, claim.Application, school, nodeOf(2, 1), ""); got != "claim_needed" {
		t.Errorf("no longer assigned: %q", got)
	}
}

// On a new stack whoever comes first is the only organization, and none of the things
// that wait is theirs. An administrator stands for the one that is.
func TestTheFirstStrangerGetsNothing(t *testing.T) {
	t.Parallel()
	w := newStrangersWorld(t)
	w.exec(t, "DELETE FROM organization WHERE id = 1")
	w.exec(t, "DELETE FROM membership WHERE user_id = 1")
	n := nodeOf(1, 2)
	w.park(t, n)
	open := claim.Terms{Policy: claim.Code, Strangers: true}
	if got := w.claimUnder(t, open, stranger, n, ""); got != "claim_needed" {
		t.Errorf("where anybody may sign up: %q, want claim_needed", got)
	}
	w.exec(t, "INSERT INTO membership (user_id, organization_id, role) VALUES (1, 2, 'O')")
	if got := w.claimUnder(t, open, stranger, n, ""); got != "" {
		t.Errorf("in an organization of an administrator: %q", got)
	}
}

// A code is of a device, whatever its protocol, and of an organization, if so wished.
func TestCodesAreOfDevices(t *testing.T) {
	t.Parallel()
	w := newStrangersWorld(t)
	n := nodeOf(1, 2)
	code := w.code(t, claim.Request{EUI64: strings.ToLower(n.EUI64), Organization: 1})
	other := n
	other.ProtocolID = 2
	for _, step := range []struct {
		name string
		who  access.Caller
		node inventory.Node
		code string
		want string
	}{
		{"a device that never sent, but is promised", stranger, n, "", "claim_needed"},
		{"by another protocol", stranger, other, "", "claim_needed"},
		{"with the code of another organization", stranger, n, code, "claim_wrong"},
		{"with its code", school, nodeOf(1, 1), code, ""},
	} {
		if got := w.claim(t, claim.Code, step.who, step.node, step.code); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
	_, err := postgres.Backoffice{Pool: w.as}.ClaimCode(t.Context(), caller, claim.Request{EUI64: n.EUI64})
	if v := constraint.Violation(err); v == nil || v.Code() != "claim_registered" || v.Field != "eui64" || v.Args[0] != "Haus" || !fault.Is(err, fault.Conflict) {
		t.Errorf("a code for a device that is registered: %v, want claim_registered by Haus", err)
	}
	for what, wanted := range map[string]claim.Request{
		"invalid":        {EUI64: "nonsense"},
		"does_not_exist": {EUI64: "9876B600000C0009", Organization: 4711},
	} {
		if _, err := (postgres.Backoffice{Pool: w.as}).ClaimCode(t.Context(), caller, wanted); constraint.Violation(err) == nil || constraint.Violation(err).Code() != what {
			t.Errorf("a code for %v: %v, want %s", wanted, err, what)
		}
	}
}

// What becomes of codes is in the log, and never the code itself; what expires is
// cleared away and no deed of anybody.
func TestCodesAreLogged(t *testing.T) {
	t.Parallel()
	w := newStrangersWorld(t)
	used, withdrawn := nodeOf(1, 1), nodeOf(2, 1)
	code := w.code(t, claim.Request{EUI64: used.EUI64})
	if got := w.claim(t, claim.Code, school, used, code); got != "" {
		t.Fatal(got)
	}
	w.code(t, claim.Request{EUI64: withdrawn.EUI64})
	w.code(t, claim.Request{EUI64: withdrawn.EUI64}) // in the place of the first
	w.exec(t, "DELETE FROM claim_code WHERE eui64 = $1", withdrawn.EUI64)
	w.code(t, claim.Request{EUI64: withdrawn.EUI64})
	w.exec(t, "UPDATE claim_code SET expires_at = now() - interval '1 minute'")
	w.exec(t, "DELETE FROM audit_log WHERE changes ? 'expires_at' AND action = 'change'") // that was no deed of ours
	if _, err := postgres.NewIdentity(w.pool).ClearExpired(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	var log string
	var left, secrets int
	err := w.pool.QueryRow(t.Context(), `
		SELECT string_agg(concat_ws(' ', actor_name, action, CASE WHEN action = 'change' AND changes ? 'used_at' THEN 'used' END), ', ' ORDER BY id),
		       count(*) FILTER (WHERE changes ? 'digest'), (SELECT count(*) FROM claim_code)
		  FROM audit_log WHERE subject = 'claim_code'`).Scan(&log, &secrets, &left)
	const want = "olga create, ines change used, olga create, olga delete, olga create,  delete, olga create"
	if err != nil || log != want || secrets != 0 || left != 0 {
		t.Errorf("%q, %d with the code, %d left (%v), want %q", log, secrets, left, err, want)
	}
}

// script has the organization's own token send for a node, as the ingestair notes it.
func script(t *testing.T, w *world, eui64 string) {
	t.Helper()
	w.exec(t, "INSERT INTO scripted_node (node_no) SELECT no FROM node WHERE eui64 = $1", eui64)
	w.exec(t, "INSERT INTO node_status (node_no, last_contact_at) SELECT no, now() FROM node WHERE eui64 = $1", eui64)
}

// Nobody registers a run of numbers in advance: without a code, an organization has only
// so many sensors of which nothing was heard.
func TestSilentSensorsAreFew(t *testing.T) {
	t.Parallel()
	for _, policy := range []claim.Policy{claim.Code, claim.Open} {
		w := newStrangersWorld(t)
		terms := postgres.Terms{Quotas: inventory.Quotas{Silent: 2}, Claims: claim.Terms{Policy: policy}}
		nodes := postgres.NewInventoryWithin(w.as, terms).Nodes
		ids := map[int]inventory.NodeID{}
		registerAt := func(n int, code string, organization int64) error {
			node := nodeOf(n, organization)
			node.ClaimCode = code
			made, err := nodes.Create(t.Context(), stranger, node)
			ids[n] = made.ID
			return err
		}
		register := func(n int, code string) error { return registerAt(n, code, 2) }
		move := func(n int, organization int64) error {
			_, err := nodes.Change(t.Context(), stranger, ids[n], func(node *inventory.Node) error {
				node.OwnerID = organization
				return nil
			})
			return err
		}
		refused := func(err error) bool {
			v := constraint.Violation(err)
			return v != nil && v.Reason == reason.QuotaSilent && v.Conflict
		}
		coded := w.code(t, claim.Request{EUI64: newNode(9).EUI64})
		for n, code := range map[int]string{1: "", 2: "", 9: coded} {
			if err := register(n, code); err != nil {
				t.Errorf("%s: sensor %d: %v", policy, n, err)
			}
		}
		if err := register(3, ""); !refused(err) {
			t.Errorf("%s: a third one: %v, want quota_silent", policy, err)
		}
		// Nor by way of another organization.
		w.exec(t, "INSERT INTO organization (id, name) VALUES (70, 'Annex')")
		w.exec(t, "INSERT INTO membership (organization_id, user_id, role) VALUES (70, $1, 'O')", stranger.UserID)
		for n, organization := range map[int]int64{11: 70, 12: 70} {
			if err := registerAt(n, "", organization); err != nil {
				t.Errorf("%s: sensor %d elsewhere: %v", policy, n, err)
			}
		}
		if err := move(11, 2); !refused(err) {
			t.Errorf("%s: one from elsewhere: %v, want quota_silent", policy, err)
		}
		w.exec(t, "INSERT INTO node_status (node_no, last_contact_at) SELECT no, now() FROM node WHERE eui64 = $1", newNode(1).EUI64)
		if err := register(3, ""); err != nil {
			t.Errorf("%s: when one has sent: %v", policy, err)
		}
		script(t, w, newNode(2).EUI64)
		if err := register(4, ""); !refused(err) {
			t.Errorf("%s: when a script has sent for one: %v, want quota_silent", policy, err)
		}
	}
}
