package app_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/redisconn"
	"github.com/clairberlin/clair-stack/pkg/redistest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/app"
)

// TestLiveListeners: what is stored is published, and nothing else.
func TestLiveListeners(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	node := measurement.NodeID("CLAIRCHEN", 1)
	nodetest.Register(t, nodetest.Open(t, url), node, 1)
	redisURL := redistest.URL(t)
	listeners, err := redisconn.Parse(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := dial(t, start(t, url, func(a *app.App) { a.Config.Redis = listeners }).GRPC)
	other := measurement.NodeID("CLAIRCHEN", 2)
	for range 2 {
		_, err := client.Store(withToken(t.Context(), token), &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{
			{NodeId: node[:], Samples: []*ingestv1.Sample{sampleAt(now, 400), sampleAt(now, 401), sampleAt(now.Add(time.Hour), 400)}},
			{NodeId: other[:], Samples: []*ingestv1.Sample{sampleAt(now, 402)}},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Store(withToken(t.Context(), token), &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{
		{NodeId: node[:], Samples: []*ingestv1.Sample{sampleAt(now.Add(time.Minute), 403)}},
	}}); err != nil {
		t.Fatal(err)
	}
	stream := live.Stream{Client: redisOf(t, redisURL)}
	var got []int
	for after := (live.ID{}); len(got) == 0 || got[len(got)-1] != 403; {
		entries, err := stream.Read(t.Context(), after, 10, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			after = e.ID
			for _, s := range e.Samples {
				got = append(got, s.CO2PPM)
			}
		}
	}
	if diff := cmp.Diff([]int{400, 403}, got); diff != "" {
		t.Errorf("published CO2 values (-want +got):\n%s", diff)
	}
}

// TestStoppingEndsStreams: a stream that is open when the service stops gets the
// answers of what was read, and is then told to go elsewhere.
func TestStoppingEndsStreams(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	at := startIn(ctx, t, url, nil)
	stream, err := dial(t, at.GRPC).StoreStream(withToken(t.Context(), token))
	if err != nil {
		t.Fatal(err)
	}
	node := measurement.NodeID("CLAIRCHEN", 1)
	send := func(i int) error {
		return stream.Send(&ingestv1.StoreStreamRequest{Sequence: uint64(i), Uplinks: []*ingestv1.Uplink{
			{NodeId: node[:], Samples: []*ingestv1.Sample{sampleAt(now.Add(-time.Duration(i)*time.Second), 400)}},
		}})
	}
	if err := send(0); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	stop()
	for i := 1; ; i++ {
		if err := send(i); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			if status.Code(err) != codes.Unavailable {
				t.Errorf("the stream ends with %v, want UNAVAILABLE", err)
			}
			break
		}
	}
}

// TestOldStreamEnds: a stream that lasts makes room for balancing.
func TestOldStreamEnds(t *testing.T) {
	t.Parallel()
	at := start(t, pgtest.URL(t), func(a *app.App) { a.Config.MaxConnectionAge = 10 * time.Millisecond })
	stream, err := dial(t, at.GRPC).StoreStream(withToken(t.Context(), token))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ends with %v, want UNAVAILABLE", err)
	}
}

// TestOldConnectionsAreLeft: a caller that goes on is led to a new connection, and so
// to another server, without noticing.
func TestOldConnectionsAreLeft(t *testing.T) {
	t.Parallel()
	at := start(t, pgtest.URL(t), func(a *app.App) { a.Config.MaxConnectionAge = 10 * time.Millisecond })
	client := dial(t, at.GRPC)
	connections := map[string]bool{}
	for len(connections) < 3 {
		var p peer.Peer
		if _, err := client.Store(withToken(t.Context(), token), &ingestv1.StoreRequest{}, grpc.Peer(&p)); err != nil {
			t.Fatal(err)
		}
		connections[p.LocalAddr.String()] = true
	}
}

// TestTooLargeMessage: it is refused before it takes memory, as what cannot be
// delivered by repeating.
func TestTooLargeMessage(t *testing.T) {
	t.Parallel()
	client := dial(t, start(t, pgtest.URL(t), nil).GRPC)
	_, err := client.KeepUndecoded(withToken(t.Context(), token), &ingestv1.KeepUndecodedRequest{Uplinks: []*ingestv1.UndecodedUplink{
		{Envelope: make([]byte, 5<<20)},
	}})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v, want RESOURCE_EXHAUSTED", err)
	}
}

func TestTooManyCallsOfOnePeer(t *testing.T) {
	t.Parallel()
	at := start(t, pgtest.URL(t), func(a *app.App) { a.Config.MaxCalls = 1 })
	client := dial(t, at.GRPC)
	first, err := client.StoreStream(withToken(t.Context(), token))
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Send(&ingestv1.StoreStreamRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Store(withToken(t.Context(), token), &ingestv1.StoreRequest{}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a second call gets %v, want RESOURCE_EXHAUSTED", err)
	}
	if err := first.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Recv(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if _, err := client.Store(withToken(t.Context(), token), &ingestv1.StoreRequest{}); err != nil {
		t.Errorf("after the first call ended: %v", err)
	}
}

// TestHealthAndReflection: health needs no token; reflection is there on demand.
func TestHealthAndReflection(t *testing.T) {
	t.Parallel()
	for _, reflection := range []bool{false, true} {
		at := start(t, pgtest.URL(t), func(a *app.App) { a.Config.Reflection = reflection })
		conn, err := grpc.NewClient(at.GRPC.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		health, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
		if err != nil || health.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("health is %v, %v", health, err)
		}
		want := codes.Unimplemented
		if reflection {
			want = codes.OK
		}
		stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(withToken(t.Context(), token))
		if err == nil {
			err = stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
		}
		if err == nil || errors.Is(err, io.EOF) {
			_, err = stream.Recv()
		}
		if status.Code(err) != want {
			t.Errorf("reflection %v: %v, want %v", reflection, err, want)
		}
	}
}

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue returns a certificate for 127.0.0.1 and its key in PEM.
func (a *authority) issue() (cert, key []byte) {
	a.t.Helper()
	a.n++
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1 + a.n), Subject: pkix.Name{CommonName: fmt.Sprint("leaf ", a.n)}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, k.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// TestTLS: both doors speak TLS with a caller whose certificate is known, and
// take a renewed certificate without a restart.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca, dir := newAuthority(t), t.TempDir()
	write := func(name string, content []byte, at time.Time) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	begin := time.Now().Add(-time.Hour)
	cert, key := ca.issue()
	caPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
	at := start(t, pgtest.URL(t), func(a *app.App) {
		a.Config.HTTPAddress = "127.0.0.1:0"
		a.Config.TLS = app.TLS{
			Cert: write("cert.pem", cert, begin), Key: write("key.pem", key, begin), ClientCA: write("ca.pem", caPEM, begin),
		}
	})
	clientCert, err := tls.X509KeyPair(ca.issue())
	if err != nil {
		t.Fatal(err)
	}
	served := "" // the name in the server's certificate
	config := func(certificates ...tls.Certificate) *tls.Config {
		return &tls.Config{
			RootCAs: ca.pool(), Certificates: certificates, MinVersion: tls.VersionTLS12,
			VerifyConnection: func(s tls.ConnectionState) error {
				served = s.PeerCertificates[0].Subject.CommonName
				return nil
			},
		}
	}
	store := func(c *tls.Config) error {
		conn, err := grpc.NewClient(at.GRPC.String(), grpc.WithTransportCredentials(credentials.NewTLS(c)))
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		_, err = ingestv1.NewIngestServiceClient(conn).Store(withToken(t.Context(), token), &ingestv1.StoreRequest{})
		return err
	}
	post := func(c *tls.Config) (int, error) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+at.HTTP.String()+"/ingest/v1/samples", bytes.NewBufferString(`{"samples":[]}`))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	if err := store(config(clientCert)); err != nil {
		t.Errorf("gRPC: %v", err)
	}
	if code, err := post(config(clientCert)); err != nil || code != http.StatusOK {
		t.Errorf("HTTP: %d, %v", code, err)
	}
	if err := store(config()); status.Code(err) != codes.Unavailable {
		t.Errorf("gRPC without a client's certificate: %v, want UNAVAILABLE", err)
	}
	if code, err := post(config()); err == nil {
		t.Errorf("HTTP without a client's certificate: %d", code)
	}
	before := served
	cert, key = ca.issue()
	write("key.pem", key, begin.Add(time.Minute))
	write("cert.pem", cert, begin.Add(time.Minute))
	if code, err := post(config(clientCert)); err != nil || code != http.StatusOK || served == before {
		t.Errorf("after the certificate was renewed: %d, %v; served %q, before %q", code, err, served, before)
	}
}
