package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/clairberlin/clair-stack/pkg/ingesttoken"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/app"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/httpapi"
)

// school has a node and a token; another organization has a node, too.
type school struct {
	url                   string
	pool                  *pgxpool.Pool
	at                    app.Addresses
	mine, theirs, unknown uuid.UUID
	token, nodes          string // of the organization, and of its node
}

func newSchool(t *testing.T) school {
	t.Helper()
	url := pgtest.URL(t)
	s := school{
		url: url, pool: nodetest.Open(t, url), mine: measurement.NodeID("", 1), theirs: measurement.NodeID("", 2), unknown: measurement.NodeID("", 3),
	}
	nodetest.Register(t, s.pool, s.mine, 1)
	nodetest.Register(t, s.pool, s.theirs, 2)
	s.exec(t, "WITH o AS (INSERT INTO organization (name) VALUES ('Others') RETURNING id) UPDATE node SET owner_id = o.id FROM o WHERE node.id = $1", s.theirs)
	s.token, s.nodes = s.issue(t, nil), s.issue(t, &s.mine)
	s.at = start(t, url, func(a *app.App) {
		a.Config.HTTPAddress, a.Config.Legacy = "127.0.0.1:0", httpapi.LegacyToken
	})
	return s
}

func (s school) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	pgtest.Exec(t, s.pool, sql, args...)
}

func (s school) issue(t *testing.T, node *uuid.UUID) string {
	t.Helper()
	secret, digest := ingesttoken.New()
	s.exec(t, "INSERT INTO ingestion_token (organization_id, node_id, name, digest) SELECT id, $1, 'script', $2 FROM organization WHERE name = 'Test'", node, digest[:])
	return secret
}

// aside counts what is kept of other nodes than those that are registered, and of others.
func (s school) aside(t *testing.T) (n int) {
	t.Helper()
	err := s.pool.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM parked_sample) + (SELECT count(*) FROM rejected_sample) + (SELECT count(*) FROM heard_device) +
		       (SELECT count(*) FROM undecoded_uplink) + (SELECT count(*) FROM node_status s JOIN node n ON n.no = s.node_no WHERE n.id = $1) +
		       (SELECT count(*) FROM sample s JOIN node n ON n.no = s.node_no WHERE n.id = $1)`, s.theirs).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func uplinkOf(node uuid.UUID, samples ...*ingestv1.Sample) *ingestv1.Uplink {
	return &ingestv1.Uplink{NodeId: node[:], Samples: samples, Metadata: &ingestv1.UplinkMetadata{DevEui: 3, DeviceId: "somebody's", Protocol: "ERS"}}
}

// TestAnOrganizationsToken: it writes for the nodes of the organization, and changes
// nothing else at all.
func TestAnOrganizationsToken(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	client := dial(t, s.at.GRPC)
	mixed := &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{
		uplinkOf(s.theirs, sampleAt(now, 9999), sampleAt(now.Add(time.Hour), 600)),
		uplinkOf(s.mine, sampleAt(now, 600), sampleAt(now.Add(time.Hour), 600)),
		uplinkOf(s.unknown, sampleAt(now, 9998)), uplinkOf(s.unknown),
	}}
	for _, token := range []string{s.token, s.nodes} {
		got, err := client.Store(withToken(t.Context(), token), mixed)
		if err != nil {
			t.Fatal(err)
		}
		s.checkMixed(t, got.GetOutcomes(), got.GetRejections())
	}
	for _, of := range []uuid.UUID{s.theirs, s.unknown} {
		_, err := client.Store(withToken(t.Context(), s.token), &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{uplinkOf(of, sampleAt(now, 9999))}})
		if status.Code(err) != codes.PermissionDenied || !strings.Contains(status.Convert(err).Message(), "node_id") {
			t.Errorf("all foreign: %v", err)
		}
	}
	s.checkStream(t, client, mixed)
	if n := s.aside(t); n != 0 {
		t.Errorf("%d rows about others", n)
	}
	var scripted string
	if err := s.pool.QueryRow(t.Context(), "SELECT string_agg(n.id::text, ' ') FROM scripted_node x JOIN node n ON n.no = x.node_no").Scan(&scripted); err != nil || scripted != s.mine.String() {
		t.Errorf("noted as written by scripts: %q (%v), want %v", scripted, err, s.mine)
	}
	if diff := cmp.Diff(map[string][]string{s.mine.String(): {"12:00:00 600 - - M"}}, nodetest.Samples(t, s.pool)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

func (s school) checkMixed(t *testing.T, outcomes []ingestv1.Outcome, rejections []*ingestv1.Rejection) {
	t.Helper()
	var told []string
	for _, r := range rejections {
		told = append(told, fmt.Sprintf("%d %v %s", r.GetSample(), r.GetReason(), r.GetField()))
	}
	if diff := cmp.Diff([]string{
		"0 REASON_FOREIGN_NODE node_id", "1 REASON_FOREIGN_NODE node_id", "3 REASON_IN_FUTURE time_s", "4 REASON_FOREIGN_NODE node_id",
	}, told); diff != "" {
		t.Errorf("rejections (-want +got):\n%s", diff)
	}
	const rejected = ingestv1.Outcome_OUTCOME_REJECTED
	if kept := outcomes[2]; kept != ingestv1.Outcome_OUTCOME_STORED && kept != ingestv1.Outcome_OUTCOME_DUPLICATE {
		t.Errorf("its own sample is %v", kept)
	}
	outcomes[2] = rejected
	if diff := cmp.Diff([]ingestv1.Outcome{rejected, rejected, rejected, rejected, rejected}, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// checkStream sends the same by a stream, and what is somebody else's alone.
func (s school) checkStream(t *testing.T, client ingestv1.IngestServiceClient, mixed *ingestv1.StoreRequest) {
	t.Helper()
	stream, err := client.StoreStream(withToken(t.Context(), s.token))
	if err != nil {
		t.Fatal(err)
	}
	for i, uplinks := range [][]*ingestv1.Uplink{mixed.GetUplinks()[:1], mixed.GetUplinks()} {
		if err := stream.Send(&ingestv1.StoreStreamRequest{Sequence: uint64(i), Uplinks: uplinks}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			s.checkMixed(t, got.GetOutcomes(), got.GetRejections())
		} else if len(got.GetRejections()) != 2 {
			t.Errorf("all foreign: %v", got)
		}
	}
}

// TestAnOrganizationsTokenIsForSamples: what else there is, is the stack's.
func TestAnOrganizationsTokenIsForSamples(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	client, ctx := dial(t, s.at.GRPC), withToken(t.Context(), s.token)
	for name, call := range map[string]func() error{
		"keep": func() error {
			_, err := client.KeepUndecoded(ctx, &ingestv1.KeepUndecodedRequest{Uplinks: []*ingestv1.UndecodedUplink{{Metadata: &ingestv1.UplinkMetadata{DevEui: 3}}}})
			return err
		},
		"list":    func() error { _, err := client.ListUndecoded(ctx, &ingestv1.ListUndecodedRequest{}); return err },
		"forget":  func() error { _, err := client.ForgetUndecoded(ctx, &ingestv1.ForgetUndecodedRequest{}); return err },
		"rejudge": func() error { _, err := client.RejudgeSamples(ctx, &ingestv1.RejudgeSamplesRequest{}); return err },
	} {
		if err := call(); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := s.aside(t); n != 0 {
		t.Errorf("%d rows about others", n)
	}
}

// post sends to an HTTP door.
func (s school) post(t *testing.T, path, header, media, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, "http://"+s.at.HTTP.String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(header, ": ")
	req.Header.Set(name, value)
	req.Header.Set("Content-Type", media)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", strings.TrimSpace(string(answer)))
}

// TestAnOrganizationsTokenByHTTP: both doors tell which field is wrong.
func TestAnOrganizationsTokenByHTTP(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	sample := func(node uuid.UUID, co2 int) string {
		return fmt.Sprintf(`{"node":%q,"time_s":%d,"co2_ppm":%d}`, node, now.Unix(), co2)
	}
	legacy := func(node uuid.UUID) string {
		return fmt.Sprintf(`{"data":{"type":"Sample","attributes":{"timestamp_s":%d,"co2_ppm":600},"relationships":{"node":{"data":{"type":"Node","id":%q}}}}}`, now.Unix(), node)
	}
	bearer := "Authorization: Bearer " + s.token
	for _, tt := range []struct{ name, path, header, body, want string }{
		{"own", "samples", bearer, `{"samples":[` + sample(s.mine, 600) + `]}`, `200 {"outcomes":["STORED"]}`},
		{"mixed", "samples", bearer, `{"samples":[` + sample(s.theirs, 600) + "," + sample(s.mine, 600) + `]}`, `200 {"outcomes":["REJECTED","DUPLICATE"],"rejections":[{"sample":0,"reason":"FOREIGN_NODE","field":"node","detail":`},
		{"another's", "samples", bearer, `{"samples":[` + sample(s.theirs, 600) + `]}`, `403 {"error":"node: this token may not`},
		{"unknown", "samples", bearer, `{"samples":[` + sample(s.unknown, 600) + `]}`, `403 `},
		{"own, predecessor", "ingest", bearer, legacy(s.mine), `201 `},
		{"another's, predecessor", "ingest", bearer, legacy(s.theirs), `403 {"errors":[{"detail":"this token may not`},
		{"unknown, predecessor", "ingest", bearer, legacy(s.unknown), `403 `},
		{"wrong header", "samples", "X-Api-Key: " + s.token, `{"samples":[` + sample(s.mine, 601) + `]}`, `401 `},
		{"wrong scheme", "samples", "Authorization: Token " + s.token, `{"samples":[` + sample(s.mine, 601) + `]}`, `401 `},
		{"garbage", "samples", "Authorization: Bearer " + strings.Repeat("clair-ingest-", 900), `{"samples":[]}`, `401 `},
	} {
		media := "application/json"
		if got := s.post(t, "/ingest/v1/"+tt.path, tt.header, media, tt.body); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := s.post(t, "/ingest/v1/ingest", bearer, "application/json", legacy(s.theirs)); !strings.Contains(got, `"pointer":"/data/relationships/node"`) {
		t.Errorf("the field is not named: %s", got)
	}
	if n := s.aside(t); n != 0 {
		t.Errorf("%d rows about others", n)
	}
	if got := nodetest.Samples(t, s.pool)[s.mine.String()]; len(got) != 1 {
		t.Errorf("samples: %v", got)
	}
}

// TestAnOrganizationsTokenOpensNoOldMonth: each month is a table that all readers of samples
// pass by, for good. Where the stack has made one, an organization's script may write too.
func TestAnOrganizationsTokenOpensNoOldMonth(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	lastYear, longAgo := now.AddDate(-1, 0, 0), now.AddDate(-10, 0, 0)
	send := func(token string, at time.Time) string {
		body := fmt.Sprintf(`{"samples":[{"node":%q,"time_s":%d,"co2_ppm":600}]}`, s.mine, at.Unix())
		return s.post(t, "/ingest/v1/samples", "Authorization: Bearer "+token, "application/json", body)
	}
	for _, tt := range []struct{ name, got, want string }{
		{"last year", send(s.token, lastYear), `200 {"outcomes":["STORED"]}`},
		{"long ago", send(s.token, longAgo), `200 {"outcomes":["REJECTED"],"rejections":[{"sample":0,"reason":"TOO_OLD","field":"time_s"`},
		{"long ago, by the stack", send(token, longAgo), `200 {"outcomes":["STORED"]}`},
		{"the month is there", send(s.token, longAgo.Add(time.Hour)), `200 {"outcomes":["STORED"]}`},
	} {
		if !strings.HasPrefix(tt.got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, tt.got, tt.want)
		}
	}
	if n := s.aside(t); n != 0 {
		t.Errorf("%d rows are kept aside", n)
	}
}

// TestAnOrganizationsTokenIsNoFlood: what one sends is bounded, and others go on.
func TestAnOrganizationsTokenIsNoFlood(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.at = start(t, s.url, func(a *app.App) {
		a.Config.HTTPAddress, a.Config.Organization = "127.0.0.1:0", app.OrganizationRate{PerSecond: 0.001, Burst: 5}
	})
	client := dial(t, s.at.GRPC)
	send := func(token string, n int) error {
		samples := make([]*ingestv1.Sample, n)
		for i := range samples {
			samples[i] = sampleAt(now.Add(-time.Duration(i)*time.Minute), 600)
		}
		_, err := client.Store(withToken(t.Context(), token), &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{uplinkOf(s.mine, samples...)}})
		return err
	}
	for i, want := range []codes.Code{codes.OK, codes.OK, codes.ResourceExhausted} {
		if err := send(s.token, 2); status.Code(err) != want {
			t.Errorf("call %d: %v, want %v", i, err, want)
		}
	}
	if err := send(s.nodes, 2); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("by another token of the organization: %v", err)
	}
	if err := send(token, 100); err != nil {
		t.Errorf("by the stack: %v", err)
	}
	body := fmt.Sprintf(`{"samples":[{"node":%q,"time_s":%d,"co2_ppm":600},{"node":%q,"time_s":%d,"co2_ppm":600}]}`, s.mine, now.Unix(), s.mine, now.Unix())
	if got := s.post(t, "/ingest/v1/samples", "Authorization: Bearer "+s.token, "application/json", body); !strings.HasPrefix(got, `429 {"error":"`) {
		t.Errorf("by HTTP: %s", got)
	}
}
