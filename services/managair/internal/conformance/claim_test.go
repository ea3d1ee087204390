package conformance_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// What registering a device that sends already comes to.
func (w *world) claim(t *testing.T, policy claim.Policy, who access.Caller, n inventory.Node, code string) string {
	t.Helper()
	return w.claimUnder(t, claim.Terms{Policy: policy}, who, n, code)
}

func (w *world) claimUnder(t *testing.T, terms claim.Terms, who access.Caller, n inventory.Node, code string) string {
	t.Helper()
	n.ClaimCode = code
	_, err := postgres.NewInventoryWithin(w.as, postgres.Terms{Claims: terms}).Nodes.Create(access.WithCaller(t.Context(), who), who, n)
	if v, ok := errors.AsType[*fault.Violation](err); ok {
		return v.Code()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// park makes the device of a node send before it is registered.
func (w *world) park(t *testing.T, n inventory.Node) inventory.NodeID {
	t.Helper()
	id, v := inventory.NodeIDOf("ERS", n.EUI64)
	if v != nil {
		t.Fatal(v)
	}
	if _, err := w.pool.Exec(t.Context(), "INSERT INTO parked_sample (node_id, time, co2_ppm, dev_eui) VALUES ($1, now(), 600, $2)", id, n.EUI64); err != nil {
		t.Fatal(err)
	}
	w.exec(t, "SELECT hear_devices(ARRAY[$1])", n.EUI64) // as ingestion does
	return id
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	pgtest.Exec(t, w.pool, sql, args...)
}

// code is made by an administrator.
func (w *world) code(t *testing.T, wanted claim.Request) string {
	t.Helper()
	code, err := postgres.Backoffice{Pool: w.as}.ClaimCode(access.WithCaller(t.Context(), caller), caller, wanted)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// A device that sends belongs to whom the administrators say: being the first to
// register its number is no proof.
func TestDevicesThatSendAreClaimedByProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mallory := access.Caller{UserID: 2} // an OWNER of organization 1, as anybody can be of one
	of := func(n int, owner int64) inventory.Node {
		node := newNode(n)
		node.OwnerID = owner
		return node
	}
	sending, silent := of(1, 1), of(2, 1)
	id := w.park(t, sending)
	other := sending
	other.ProtocolID = 2
	if got := w.claim(t, claim.Code, mallory, other, ""); got != "claim_needed" {
		t.Errorf("by another protocol, which would keep its number from the owner: %q", got)
	}
	for _, step := range []struct {
		name string
		code func() string
		want string
	}{
		{"without a code", func() string { return "" }, "claim_needed"},
		{"with a guessed code", func() string { return "AAAA-BBBB-CCCCC" }, "claim_wrong"},
		{"with the code of another device", func() string {
			return w.code(t, claim.Request{Node: w.park(t, of(3, 1))})
		}, "claim_wrong"},
		{"with its code of long ago", func() string {
			code := w.code(t, claim.Request{Node: id})
			w.exec(t, "UPDATE claim_code SET expires_at = now() - interval '1 minute' WHERE node_id = $1", id)
			return code
		}, "claim_wrong"},
		{"with its code", func() string {
			code := w.code(t, claim.Request{Node: id})
			return strings.ToLower(code)
		}, ""},
	} {
		if got := w.claim(t, claim.Code, mallory, sending, step.code()); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
	var adopted, codes int
	if err := w.pool.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM sample s JOIN node n ON n.no = s.node_no WHERE n.id = $1),
		       (SELECT count(*) FROM claim_code WHERE node_id = $1 AND used_at IS NULL)`, id).Scan(&adopted, &codes); err != nil || adopted != 1 || codes != 0 {
		t.Errorf("%d samples were adopted, %d codes are left (%v), want 1 and 0", adopted, codes, err)
	}
	for name, got := range map[string]string{
		"a device that never sent":      w.claim(t, claim.Code, mallory, silent, ""),
		"where who comes first has it":  w.claim(t, claim.Open, mallory, of(3, 1), ""),
		"an administrator, by the API":  w.claim(t, claim.Code, caller, w.parked(t, of(4, 2)), ""),
		"an administrator, by the page": w.claim(t, claim.Code, access.Caller{UserID: 1, Administers: true}, w.parked(t, of(5, 2)), ""),
	} {
		if got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := w.claim(t, claim.Code, mallory, sending, ""); got != "unique" {
		t.Errorf("a device that is registered: %q, want unique", got)
	}
}

func (w *world) parked(t *testing.T, n inventory.Node) inventory.Node {
	t.Helper()
	w.park(t, n)
	return n
}

// Where there is one organization nobody else can claim.
func TestTheOnlyOrganizationNeedsNoProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := newNode(1)
	w.park(t, n)
	if _, err := w.pool.Exec(t.Context(), "DELETE FROM organization WHERE id = 2"); err != nil {
		t.Fatal(err)
	}
	if got := w.claim(t, claim.Code, access.Caller{UserID: 2}, n, ""); got != "" {
		t.Error("registering:", got)
	}
}

// One code is good for one registration, whoever is faster.
func TestACodeIsUsedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := newNode(1)
	code := w.code(t, claim.Request{Node: w.park(t, n)})
	var all sync.WaitGroup
	results := make(chan string, 6)
	for range cap(results) {
		all.Go(func() { results <- w.claim(t, claim.Code, access.Caller{UserID: 2}, n, code) })
	}
	all.Wait()
	close(results)
	good := 0
	for got := range results {
		if got == "" {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d registered it, want 1", good)
	}
}
