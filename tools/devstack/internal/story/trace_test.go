package story

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

// collector takes the traces that services report.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans map[string][]string // "service: span" by trace id
}

// Export is part of the protocol.
func (c *collector) Export(_ context.Context, r *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.GetResourceSpans() {
		service := ""
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				id := fmt.Sprintf("%x", span.GetTraceId())
				c.spans[id] = append(c.spans[id], service+": "+span.GetName())
			}
		}
	}
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// of returns the spans of a trace in the order of their names.
func (c *collector) of(trace string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(slices.Sorted(slices.Values(c.spans[trace])), ", ")
}

// logLine is what the test reads of a line.
type logLine struct {
	Service   string
	Msg       string
	RequestID string `json:"request_id"`
	TraceID   string `json:"trace_id"`
	DevEUI    string `json:"dev_eui"`
}

// lines returns the lines of a log with a message.
func lines(t *testing.T, s *stacktest.Stack, service, msg string) (found []logLine) {
	t.Helper()
	f, err := os.Open(s.LogFile(service))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		var l logLine
		if json.Unmarshal(scanner.Bytes(), &l) == nil && l.Msg == msg {
			found = append(found, l)
		}
	}
	return found
}

func TestAnUplinkIsFollowedByItsIDs(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	traces, collecting := &collector{spans: map[string][]string{}}, grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(collecting, traces)
	go func() { _ = collecting.Serve(listener) }()
	t.Cleanup(collecting.Stop)

	s := stacktest.Start(t, stacktest.Options{Change: func(o *stack.Options) {
		o.Env = []string{
			"LOG_LEVEL=DEBUG", "LOG_FORMAT=json",
			"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + listener.Addr().String(), "OTEL_BSP_SCHEDULE_DELAY=100",
		}
	}})
	uplink, err := os.ReadFile(filepath.Join("testdata", "ers-two-samples.json"))
	if err != nil {
		t.Fatal(err)
	}
	topic := ttn.Application{ID: stack.ERSApplication, Tenant: stack.Tenant}.UplinkTopic("a-device")
	stacktest.Publish(t, s.NetworkServer(t), topic, uplink)

	stacktest.Eventually(t, "uplinks delivered, calls committed", "1 1", func() string {
		return fmt.Sprint(len(lines(t, s, "ers-forwarder", "uplink delivered")), len(lines(t, s, "ingestair", "call committed")))
	})
	sent, taken := lines(t, s, "ers-forwarder", "uplink delivered")[0], lines(t, s, "ingestair", "call committed")[0]
	if sent.DevEUI != ersNode.String() {
		t.Errorf("delivered for %s, sent for %s", sent.DevEUI, ersNode)
	}
	if sent.RequestID == "" || sent.RequestID != taken.RequestID {
		t.Errorf("request ids: forwarder %q, ingestair %q", sent.RequestID, taken.RequestID)
	}
	if sent.TraceID == "" || sent.TraceID != taken.TraceID {
		t.Errorf("trace ids: forwarder %q, ingestair %q", sent.TraceID, taken.TraceID)
	}
	stacktest.Eventually(t, "spans of the uplink", "ers-forwarder: clair.ingest.v1.IngestService/Store, ers-forwarder: deliver uplinks, "+
		"ingestair: clair.ingest.v1.IngestService/Store, ingestair: commit", func() string { return traces.of(sent.TraceID) })

	// A request from outside has one too, and is told it.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/api/v1/rooms/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Request-Id", "of-the-proxy-1")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil || answer.Header.Get("X-Request-Id") != "of-the-proxy-1" {
		t.Errorf("answered as %q, %v", answer.Header.Get("X-Request-Id"), err)
	}
}
