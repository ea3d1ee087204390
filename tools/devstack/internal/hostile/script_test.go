package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/freeport"
	"github.com/clairberlin/clair-stack/pkg/ingesttoken"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

// script is a script of a school with a token of its own, which wants to write for others.
type script struct {
	client // of its owner

	door string
}

// startScripts starts a stack with doors for scripts. Mallory is no member of the school.
func startScripts(t *testing.T) (running *stacktest.Stack, mallorys script, olga client) {
	t.Helper()
	port, err := freeport.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	door := net.JoinHostPort(server.Host, strconv.Itoa(port))
	running = stacktest.Start(t, stacktest.Options{Change: env("INGEST_HTTP_ADDRESS="+door, "INGEST_LEGACY_DOOR=token")})
	running.Load(t, house())
	mallorys, olga = script{logIn(t, running, mallory), "http://" + door}, logIn(t, running, "olga")
	membership := olga.do(t.Context(), http.MethodGet, "/api/v1/memberships/?filter[username]="+mallory, "", http.NoBody)
	if got := olga.do(t.Context(), http.MethodDelete, "/api/v1/memberships/"+idIn(t, membership)+"/", "", http.NoBody); got.status != http.StatusNoContent {
		t.Fatalf("throw out: %d %s", got.status, got.body)
	}
	return running, mallorys, olga
}

// made makes a thing and returns its id and attributes.
func (c client) made(t *testing.T, path, typ, attributes, relationships string) (id string, of map[string]any) {
	t.Helper()
	body := fmt.Sprintf(`{"data":{"type":%q,"attributes":{%s},"relationships":{%s}}}`, typ, attributes, relationships)
	got := c.do(t.Context(), http.MethodPost, "/api/v1/"+path+"/", media, strings.NewReader(body))
	var doc struct {
		Data struct {
			ID         string
			Attributes map[string]any
		}
	}
	if err := json.Unmarshal(got.body, &doc); err != nil || got.status != http.StatusCreated {
		t.Fatalf("make a %s: %d %s", typ, got.status, got.body)
	}
	return doc.Data.ID, doc.Data.Attributes
}

func to(name, typ, id string) string {
	return fmt.Sprintf(`%q:{"data":{"type":%q,"id":%q}}`, name, typ, id)
}

// node registers a device for an organization.
func (c client) node(t *testing.T, eui lorawan.EUI64, organization string) string {
	t.Helper()
	id, _ := c.made(t, "nodes", "Node", fmt.Sprintf(`"eui64":%q,"alias":"script %v"`, eui.String(), eui),
		to("owner", "Organization", organization)+","+to("protocol", "Protocol", "1")+","+to("model", "Model", "1"))
	return id
}

// issue makes a token of an organization, or of one of its nodes.
func (c client) issue(t *testing.T, organization, node string) (id, secret string) {
	t.Helper()
	relationships := to("organization", "Organization", organization)
	if node != "" {
		relationships += "," + to("node", "Node", node)
	}
	id, of := c.made(t, "ingestion-tokens", "IngestionToken", `"name":"script"`, relationships)
	return id, of["token"].(string)
}

// remove deletes what it may.
func (c client) remove(t *testing.T, path string) {
	t.Helper()
	if got := c.do(t.Context(), http.MethodDelete, "/api/v1/"+path+"/", "", http.NoBody); got.status != http.StatusNoContent {
		t.Fatalf("delete %s: %d %s", path, got.status, got.body)
	}
}

// knock sends a body with a header to a door of the ingestair.
func (s script) knock(t *testing.T, path, header, value, body string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.door+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(header, value)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}

// send sends a sample of each node by the door for scripts.
func (s script) send(t *testing.T, token string, nodes ...string) (status int, text string) {
	t.Helper()
	samples := make([]string, len(nodes))
	for i, node := range nodes {
		samples[i] = fmt.Sprintf(`{"node":%q,"time_s":%d,"co2_ppm":9999}`, node, time.Now().Unix())
	}
	return s.knock(t, "/ingest/v1/samples", "Authorization", "Bearer "+token, `{"samples":[`+strings.Join(samples, ",")+`]}`)
}

// sendLegacy sends one by the predecessor's door.
func (s script) sendLegacy(t *testing.T, token, node string) (status int, text string) {
	t.Helper()
	return s.knock(t, "/ingest/v1/ingest", "Authorization", "Bearer "+token, fmt.Sprintf(
		`{"data":{"type":"Sample","attributes":{"timestamp_s":%d,"co2_ppm":9999},"relationships":{%s}}}`, time.Now().Unix(), to("node", "Node", node)))
}

// refused waits until a token is answered so: what the ingestair remembers grows old.
func (s script) refused(t *testing.T, token, node string, want int) bool {
	t.Helper()
	for deadline := time.Now().Add(stacktest.Patience); time.Now().Before(deadline); {
		if status, _ := s.send(t, token, node); status == want {
			return true
		}
	}
	return false
}

// A school's script, with a token of that school, writes into other schools.
func TestScriptWritesForOthers(t *testing.T) {
	t.Parallel()
	s := newScore(t, "script of another school")
	_, evil, olga := startScripts(t)
	const first, second, unknown lorawan.EUI64 = 0x02C1A1FA00000100, 0x02C1A1FA00000101, 0x02C1A1FA00000102
	corp, _ := evil.made(t, "organizations", "Organization", `"name":"Evil Corp"`, "")
	mine, other := evil.node(t, first, corp), evil.node(t, second, corp)
	theirs, nobodys := measurement.NodeID("CLAIRCHEN", devEUI).String(), measurement.NodeID("CLAIRCHEN", unknown).String()
	_, all := evil.issue(t, corp, "")
	_, one := evil.issue(t, corp, mine)

	status, text := evil.send(t, all, mine, theirs, nobodys)
	s.check(t, status == http.StatusOK && strings.HasPrefix(text, `{"outcomes":["STORED","REJECTED","REJECTED"],"rejections":[{"sample":1,"reason":"FOREIGN_NODE","field":"node"`), "some are others': %d %s", status, text)
	for what, try := range map[string]struct{ token, node string }{
		"another school's sensor": {all, theirs}, "an unknown sensor": {all, nobodys}, "another sensor than the token's": {one, other},
		"another school's, of one sensor": {one, theirs}, "none": {all, uuid.Nil.String()},
	} {
		status, text := evil.send(t, try.token, try.node)
		s.check(t, status == http.StatusForbidden && strings.Contains(text, `"field":"node"`), "%s: %d %s", what, status, text)
		status, text = evil.sendLegacy(t, try.token, try.node)
		s.check(t, status == http.StatusForbidden && strings.Contains(text, `/data/relationships/node`), "%s, predecessor: %d %s", what, status, text)
	}
	for header, value := range map[string]string{
		"X-Api-Key": all, "Cookie": "token=" + all, "authorization": "Token " + all, "Proxy-Authorization": "Bearer " + all,
		"Authorization": "Bearer " + strings.Repeat("clair-ingest-", 1000),
	} {
		status, text := evil.knock(t, "/ingest/v1/samples", header, value, `{"samples":[]}`)
		s.check(t, status == http.StatusUnauthorized, "%s: %d %s", header, status, text)
	}
	got := olga.do(t.Context(), http.MethodGet, "/api/v1/nodes/"+theirs+"/?include_timeseries=1", "", http.NoBody)
	s.check(t, got.status == http.StatusOK && !strings.Contains(string(got.body), "9999"), "the school's sensor: %d %s", got.status, got.body)
	// Had it been heard of, that would need a code.
	school := olga.do(t.Context(), http.MethodGet, "/api/v1/memberships/?include=organization", "", http.NoBody)
	var doc struct{ Included []struct{ ID string } }
	if err := json.Unmarshal(school.body, &doc); err != nil || len(doc.Included) != 1 {
		t.Fatalf("%d %s", school.status, school.body)
	}
	olga.node(t, unknown, doc.Included[0].ID)
	got = olga.do(t.Context(), http.MethodGet, "/api/v1/nodes/"+nobodys+"/?include_timeseries=1", "", http.NoBody)
	s.check(t, got.status == http.StatusOK && !strings.Contains(string(got.body), "9999"), "registered later: %d %s", got.status, got.body)
	status, text = evil.knock(t, "/api/v1/ingestion-tokens/", "Authorization", "Bearer "+all, "{}")
	s.check(t, status == http.StatusNotFound, "the API at the ingestair's door: %d %s", status, text)
	for _, scheme := range []string{"Token", "Bearer"} {
		got := client{stack: olga.stack}.with(t, scheme+" "+all)
		s.check(t, got.status == http.StatusUnauthorized, "%s at the API: %d %s", scheme, got.status, got.body)
	}
}

// with asks the API for the nodes, with a header.
func (c client) with(t *testing.T, authorization string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.stack.URL()+"/api/v1/nodes/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", authorization)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

// A token was taken away, or what it was for has gone: the script goes on.
func TestScriptGoesOnWithItsToken(t *testing.T) {
	t.Parallel()
	s := newScore(t, "script whose token has ended")
	_, evil, _ := startScripts(t)
	corp, _ := evil.made(t, "organizations", "Organization", `"name":"Evil Corp"`, "")
	next, _ := evil.made(t, "organizations", "Organization", `"name":"Evil Corp 2"`, "")
	mine, moves, goes := evil.node(t, 0x02C1A1FA00000200, corp), evil.node(t, 0x02C1A1FA00000201, corp), evil.node(t, 0x02C1A1FA00000202, corp)
	revokedID, revoked := evil.issue(t, corp, "")
	_, honest := evil.issue(t, corp, "")
	_, moved := evil.issue(t, corp, moves)
	_, deleted := evil.issue(t, corp, goes)
	_, orphan := evil.issue(t, next, "")
	for node, token := range map[string]string{mine: revoked, moves: moved, goes: deleted} {
		if status, text := evil.send(t, token, node); status != http.StatusOK {
			t.Fatalf("before: %d %s", status, text)
		}
	}
	if status, text := evil.send(t, orphan, mine); status != http.StatusForbidden {
		t.Fatalf("before: %d %s", status, text)
	}
	evil.send(t, honest, mine)

	evil.remove(t, "ingestion-tokens/"+revokedID)
	s.check(t, evil.refused(t, revoked, mine, http.StatusUnauthorized), "revoked, and goes on")
	evil.remove(t, "nodes/"+goes)
	s.check(t, evil.refused(t, deleted, goes, http.StatusUnauthorized), "its sensor is deleted, and it goes on")
	body := fmt.Sprintf(`{"data":{"type":"Node","id":%q,"relationships":{%s}}}`, moves, to("owner", "Organization", next))
	if got := evil.do(t.Context(), http.MethodPatch, "/api/v1/nodes/"+moves+"/", media, strings.NewReader(body)); got.status != http.StatusOK {
		t.Fatalf("hand over: %d %s", got.status, got.body)
	}
	s.check(t, evil.refused(t, moved, moves, http.StatusForbidden), "its sensor is another organization's, and it goes on")
	s.check(t, evil.refused(t, honest, moves, http.StatusForbidden), "a sensor of the organization was handed over, and it goes on")
	evil.remove(t, "nodes/"+moves)
	evil.remove(t, "organizations/"+next)
	s.check(t, evil.refused(t, orphan, mine, http.StatusUnauthorized), "its organization is deleted, and it goes on")

	held := 0
	for range 100 {
		guess, _ := ingesttoken.New()
		if status, _ := evil.send(t, guess, mine); status == http.StatusTooManyRequests {
			held++
		}
	}
	s.check(t, held >= 50, "of 100 guesses %d were held back", held)
	status, text := evil.send(t, honest, mine)
	s.check(t, status == http.StatusOK, "an honest one meanwhile: %d %s", status, text)
}
