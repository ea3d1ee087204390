// Package soak kills the ingestair and its PostgreSQL at random moments under load,
// and demands in the end what the ingestair promises: each acknowledged sample is
// there once, with its values, and so is all that was sent.
package soak

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/freeport"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/schema"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
)

const (
	shortRounds = 50 // SOAK_ROUNDS chooses another number
	token       = "a-token-for-tests-only"

	callers     = 6 // with calls
	streamers   = 2 // with streams
	nodes       = 40
	unknown     = 3 // of the nodes are registered by nobody
	late        = 3 // of the nodes are registered in the middle
	callTimeout = 20 * time.Second
)

func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	rounds := shortRounds
	if v := os.Getenv("SOAK_ROUNDS"); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d rounds, seed %d", rounds, seed)
	random := rand.New(rand.NewPCG(seed, 0))

	s := newSystem(t)
	s.serve(t)
	for n := range nodes - unknown - late {
		s.register(t, n)
	}
	load := s.startLoad(t)
	for round := range rounds {
		load.pass(t, random.Int64N(200))
		victim := s.ingestair
		if random.IntN(3) == 0 {
			victim = &s.postgres.Server
		}
		victim.Kill()
		if err := victim.Start(t.Context()); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if round == rounds/2 {
			for n := nodes - unknown - late; n < nodes-unknown; n++ {
				s.register(t, n)
			}
		}
	}
	load.pass(t, 100)
	s.check(t, load.stop())
}

// system is an ingestair with its database.
type system struct {
	dir         string
	postgres    *server.Postgres
	ingestair   *server.Server
	databaseURL string
	address     string
}

// newSystem starts a database server.
func newSystem(t *testing.T, settings ...string) *system {
	t.Helper()
	dir, remove, err := server.TempDir(true)
	check(t, err)
	t.Cleanup(remove)
	s := &system{dir: dir}
	s.postgres, err = server.NewPostgres(server.PostgresOptions{Dir: filepath.Join(dir, "postgres"), Settings: settings})
	check(t, err)
	check(t, s.postgres.Start(t.Context()))
	t.Cleanup(func() { check(t, s.postgres.Stop(context.Background())) })
	s.databaseURL, err = s.postgres.Database(t.Context(), "clair", "secret")
	check(t, err)
	_, err = schema.Up(t.Context(), slog.New(slog.DiscardHandler), s.databaseURL)
	check(t, err)
	return s
}

// serve starts the ingestair.
func (s *system) serve(t *testing.T) {
	t.Helper()
	port, err := freeport.Find(t.Context())
	check(t, err)
	s.address = fmt.Sprintf("%s:%d", server.Host, port)
	s.ingestair = server.NewService(server.ServiceOptions{
		Name: "ingestair", Path: buildIngestair(t), LogFile: filepath.Join(s.dir, "ingestair.log"),
		Env: []string{
			"INGEST_ADDRESS=" + s.address, "INGEST_TOKEN=" + token, "DATABASE_URL=" + s.databaseURL,
			"REDIS_URL=redis://" + server.Host + ":1/0", // nobody is there, and nobody minds
		},
	})
	check(t, s.ingestair.Start(t.Context()))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.ingestair.LogTail())
		}
		check(t, s.ingestair.Stop(context.Background()))
	})
}

// check ends the test for an error, and skips it for a program that is not here.
func check(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, server.ErrNotInstalled) && os.Getenv("CLAIR_TEST_REQUIRE") == "":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

func buildIngestair(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("CLAIR_TEST_BIN"); bin != "" {
		return filepath.Join(bin, "ingestair")
	}
	path := filepath.Join(t.TempDir(), "ingestair")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	build.Dir = "../../../../services/ingestair"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

func nodeID(n int) uuid.UUID { return measurement.NodeID("SOAK", lorawan.EUI64(n)) }

func (s *system) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.databaseURL)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

const registerNode = `
	WITH o AS (INSERT INTO organization (name) VALUES ('Soak') ON CONFLICT (name) DO UPDATE SET name = 'Soak' RETURNING id),
	     p AS (INSERT INTO node_protocol (identifier) VALUES ('SOAK') ON CONFLICT (identifier) DO UPDATE SET identifier = 'SOAK' RETURNING id),
	     m AS (INSERT INTO node_model (name, trade_name, manufacturer, sensor_type) VALUES ('Soak', 'Soak', 'Soak', 'Soak')
	           ON CONFLICT (name) DO UPDATE SET name = 'Soak' RETURNING id)
	INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
	SELECT $1, $2, 'soak', p.id, m.id, o.id FROM o, p, m`

func (s *system) register(t *testing.T, n int) {
	t.Helper()
	_, err := s.connect(t).Exec(t.Context(), registerNode, nodeID(n), lorawan.EUI64(n).String())
	check(t, err)
}

// key names a sample.
type key struct {
	node  int
	timeS int64
}

// load is callers that send new samples all the time and repeat what was not
// acknowledged.
type load struct {
	system   *system
	begin    time.Time
	next     atomic.Int64 // samples, so that each has a time of its own
	answered atomic.Int64 // batches
	ending   chan struct{}
	senders  sync.WaitGroup

	mu   sync.Mutex
	sent map[key]uint32 // acknowledged, with the CO2 value
}

func (s *system) startLoad(t *testing.T) *load {
	t.Helper()
	l := &load{
		// A second for each sample: longer than anybody lets it run.
		system: s, begin: time.Now().AddDate(-1, 0, 0).Truncate(time.Second),
		ending: make(chan struct{}), sent: map[key]uint32{},
	}
	for i := range callers + streamers {
		client, err := ingestclient.New(ingestclient.Config{Address: s.address, Token: config.NewSecret(token)},
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, MaxDelay: 100 * time.Millisecond}}))
		check(t, err)
		t.Cleanup(func() { check(t, client.Close()) })
		random := rand.New(rand.NewPCG(uint64(i), 1))
		send := l.call
		if i >= callers {
			send = l.stream
		}
		l.senders.Go(func() {
			for t.Context().Err() == nil {
				select {
				case <-l.ending:
					return
				default:
					send(t, client, random)
				}
			}
		})
	}
	return l
}

// pass waits until more batches were acknowledged.
func (l *load) pass(t *testing.T, more int64) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for until := l.answered.Load() + more; l.answered.Load() < until; {
		if time.Now().After(deadline) {
			t.Fatal("no progress")
		}
		time.Sleep(time.Millisecond) // between two looks, not instead of one
	}
}

// stop ends the load when all that was sent is acknowledged, and returns it.
func (l *load) stop() map[key]uint32 {
	close(l.ending)
	l.senders.Wait()
	return l.sent
}

// batch makes uplinks with new samples.
func (l *load) batch(random *rand.Rand) []*ingestv1.Uplink {
	uplinks := make([]*ingestv1.Uplink, 1+random.IntN(8))
	for i := range uplinks {
		n := random.IntN(nodes)
		id := nodeID(n)
		u := &ingestv1.Uplink{NodeId: id[:], Metadata: &ingestv1.UplinkMetadata{DevEui: uint64(n)}}
		for range 1 + random.IntN(4) {
			at := l.begin.Add(time.Duration(l.next.Add(1)) * time.Second)
			u.Samples = append(u.Samples, &ingestv1.Sample{TimeS: at.Unix(), Co2Ppm: uint32(400 + random.IntN(1000))})
			u.Metadata.ReceivedAt = timestamppb.New(at)
		}
		uplinks[i] = u
	}
	return uplinks
}

// acknowledged notes a batch. Anything but a success is a broken promise: all
// samples are new and plausible.
func (l *load) acknowledged(t *testing.T, uplinks []*ingestv1.Uplink, outcomes []ingestv1.Outcome) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	i := 0
	for _, u := range uplinks {
		for _, s := range u.GetSamples() {
			if i >= len(outcomes) {
				t.Errorf("%d outcomes for more samples", len(outcomes))
				return
			}
			switch outcomes[i] {
			case ingestv1.Outcome_OUTCOME_STORED, ingestv1.Outcome_OUTCOME_DUPLICATE, ingestv1.Outcome_OUTCOME_PARKED:
			default:
				t.Errorf("sample %v is %v", s, outcomes[i])
			}
			l.sent[key{int(u.GetMetadata().GetDevEui()), s.GetTimeS()}] = s.GetCo2Ppm()
			i++
		}
	}
	l.answered.Add(1)
}

// call sends a batch until it is acknowledged.
func (l *load) call(t *testing.T, client *ingestclient.Client, random *rand.Rand) {
	t.Helper()
	uplinks := l.batch(random)
	for t.Context().Err() == nil {
		ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
		response, err := client.Service.Store(ctx, &ingestv1.StoreRequest{Uplinks: uplinks}, grpc.WaitForReady(true))
		cancel()
		if err == nil {
			l.acknowledged(t, uplinks, response.GetOutcomes())
			return
		}
		repeatable(t, err)
	}
}

// stream sends batches ahead of their answers, and those that were not answered
// when the stream breaks again.
func (l *load) stream(t *testing.T, client *ingestclient.Client, random *rand.Rand) {
	t.Helper()
	const ahead = 20
	var batches [][]*ingestv1.Uplink
	for range ahead {
		batches = append(batches, l.batch(random))
	}
	for len(batches) > 0 && t.Context().Err() == nil {
		answered, err := l.streamOnce(t, client, batches)
		batches = batches[answered:]
		if err != nil {
			repeatable(t, err)
		}
	}
}

func (l *load) streamOnce(t *testing.T, client *ingestclient.Client, batches [][]*ingestv1.Uplink) (answered int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
	defer cancel()
	stream, err := client.Service.StoreStream(ctx, grpc.WaitForReady(true))
	if err != nil {
		return 0, err
	}
	go func() {
		for i, uplinks := range batches {
			if stream.Send(&ingestv1.StoreStreamRequest{Sequence: uint64(i), Uplinks: uplinks}) != nil {
				return // Recv says why
			}
		}
		_ = stream.CloseSend()
	}()
	for i, uplinks := range batches {
		response, err := stream.Recv()
		if err != nil {
			return i, err
		}
		if response.GetSequence() != uint64(i) {
			t.Errorf("answer %d comes when %d is due", response.GetSequence(), i)
		}
		l.acknowledged(t, uplinks, response.GetOutcomes())
	}
	return len(batches), nil
}

// repeatable demands that an error tells the caller to repeat.
func repeatable(t *testing.T, err error) {
	t.Helper()
	if kind := fault.KindOf(fault.FromGRPC(err)); kind != fault.Unavailable && kind != fault.Exhausted && t.Context().Err() == nil {
		t.Errorf("a call fails with %v, want unavailable or exhausted", err)
	}
}

const allSamples = `
	SELECT n.eui64, extract(epoch FROM s.time)::bigint, s.co2_ppm::integer FROM sample s JOIN node n ON n.no = s.node_no
	UNION ALL
	SELECT p.dev_eui, extract(epoch FROM p.time)::bigint, p.co2_ppm::integer FROM parked_sample p`

// check compares what was sent with what is there, and what is told of it.
func (s *system) check(t *testing.T, sent map[key]uint32) {
	t.Helper()
	conn := s.connect(t)
	rows, err := conn.Query(t.Context(), allSamples)
	check(t, err)
	var eui lorawan.EUI64
	var text string
	var timeS int64
	var co2 uint32
	there := map[key]uint32{}
	_, err = pgx.ForEachRow(rows, []any{&text, &timeS, &co2}, func() error {
		if err := eui.UnmarshalText([]byte(text)); err != nil {
			return err
		}
		k := key{int(eui), timeS}
		if _, twice := there[k]; twice {
			t.Errorf("%v is there twice", k)
		}
		there[k] = co2
		return nil
	})
	check(t, err)
	lost, changed := 0, 0
	for k, want := range sent {
		switch got, ok := there[k]; {
		case !ok:
			lost++
		case got != want:
			changed++
		}
	}
	if lost > 0 || changed > 0 || len(there) != len(sent) {
		t.Errorf("of %d acknowledged samples %d are lost and %d changed; %d are there", len(sent), lost, changed, len(there))
	}
	t.Logf("%d samples", len(sent))

	var wrong int
	check(t, conn.QueryRow(t.Context(), `
		SELECT count(*) FROM node n
		 WHERE sample_count(n.no, NULL, NULL) <> (SELECT count(*) FROM sample s WHERE s.node_no = n.no)`).Scan(&wrong))
	if wrong > 0 {
		t.Errorf("%d nodes are told another number of samples than there are", wrong)
	}
	// The status follows within seconds, whatever was killed.
	deadline := time.Now().Add(time.Minute)
	for {
		check(t, conn.QueryRow(t.Context(), `
			SELECT count(*) FROM node n LEFT JOIN node_status st ON st.node_no = n.no
			 WHERE EXISTS (SELECT FROM sample WHERE node_no = n.no)
			   AND (st.last_sample_at IS DISTINCT FROM (SELECT max(time) FROM sample s WHERE s.node_no = n.no)
			     OR st.last_contact_at IS DISTINCT FROM st.last_sample_at
			     OR st.last_co2_ppm IS DISTINCT FROM (SELECT co2_ppm FROM sample s WHERE s.node_no = n.no AND s.time = st.last_sample_at))`).Scan(&wrong))
		if wrong == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the status of %d nodes stays wrong", wrong)
		}
		time.Sleep(50 * time.Millisecond) // between two looks, not instead of one
	}
}
