package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/postgres"
)

// The benchmarks measure the real program on a real server, with the load
// generator on the same cores, and each figure beside its floor in the same run:
// ratios say something, absolute figures move with the machine. docs/performance.md
// has results. One round each; more are no help on a machine that is shared.

const benchNodes = 2000

// bench is a running ingestair on a database with nodes.
type bench struct {
	*testing.B

	pool  *pgxpool.Pool
	nodes []uuid.UUID
	nos   []int32
	pid   int
	grpc  string
	ops   string
	// next counts the uplinks that were made, base is the time of the first samples,
	// floorBase that of the next ones of the floor: all samples are new.
	next            atomic.Int64
	base, floorBase time.Time
}

func newBench(b *testing.B) *bench {
	b.Helper()
	if os.Getenv("CLAIR_TEST_DATABASE_URL") == "" {
		b.Skip("make bench starts a PostgreSQL")
	}
	url := pgtest.URL(b)
	// The last half hour has room for three million samples, and is not late.
	base := time.Now().Add(-28 * time.Minute).Truncate(time.Second)
	x := &bench{B: b, pool: nodetest.Open(b, url), base: base, floorBase: base.AddDate(0, -2, 0)}
	nodetest.Register(b, x.pool, measurement.NodeID("BENCH", 1), 1)
	x.nodes = append(x.nodes, measurement.NodeID("BENCH", 1))
	var batch pgx.Batch
	for n := 2; n <= benchNodes; n++ {
		id := measurement.NodeID("BENCH", lorawan.EUI64(n))
		x.nodes = append(x.nodes, id)
		batch.Queue(`INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
			SELECT $1, $2, 'bench', protocol_id, model_id, owner_id FROM node LIMIT 1`, id, lorawan.EUI64(n).String())
	}
	if err := x.pool.SendBatch(b.Context(), &batch).Close(); err != nil {
		b.Fatal(err)
	}
	rows, err := x.pool.Query(b.Context(), "SELECT no FROM node ORDER BY no")
	if err != nil {
		b.Fatal(err)
	}
	if x.nos, err = pgx.CollectRows(rows, pgx.RowTo[int32]); err != nil {
		b.Fatal(err)
	}
	x.run(url)
	return x
}

// run starts the program, and builds it where nobody has done that before.
func (x *bench) run(databaseURL string) {
	x.Helper()
	path := filepath.Join(os.Getenv("CLAIR_TEST_BIN"), "ingestair")
	if !filepath.IsAbs(path) {
		path = filepath.Join(x.TempDir(), path)
		if out, err := exec.CommandContext(x.Context(), "go", "build", "-o", path, "../..").CombinedOutput(); err != nil {
			x.Fatalf("go build: %v\n%s", err, out)
		}
	}
	cmd := exec.CommandContext(x.Context(), path)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), "INGEST_ADDRESS=127.0.0.1:0", "OPS_ADDRESS=127.0.0.1:0", "INGEST_TOKEN="+token,
		"DATABASE_URL="+databaseURL, "REDIS_URL=redis://127.0.0.1:1/0", "INGEST_MAX_CONNECTION_AGE=1h", "LOG_FORMAT=json")
	log, err := cmd.StderrPipe()
	if err != nil {
		x.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		x.Fatal(err)
	}
	x.pid = cmd.Process.Pid
	listening := make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var line struct {
				Msg  string
				GRPC struct{ Port int } `json:"grpc"`
				Ops  struct{ Port int } `json:"ops"`
			}
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
				x.grpc, x.ops = fmt.Sprint("127.0.0.1:", line.GRPC.Port), fmt.Sprint("127.0.0.1:", line.Ops.Port)
				close(listening)
			}
		}
	}()
	x.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	<-listening
}

// rawCodec sends messages that are encoded already, so that the load generator
// takes as little of the cores as it can.
type rawCodec struct{ encoding.CodecV2 }

func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if raw, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(raw)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if raw, ok := v.(*[]byte); ok {
		*raw = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

func newRawCodec() rawCodec { return rawCodec{encoding.GetCodecV2(grpcproto.Name)} }

// echo starts a gRPC server that takes the calls of the ingestion service, and does
// nothing but answer that three samples are stored.
func (x *bench) echo() (address string) {
	x.Helper()
	three := slices.Repeat([]ingestv1.Outcome{ingestv1.Outcome_OUTCOME_STORED}, perUplink)
	call, err := proto.Marshal(&ingestv1.StoreResponse{Outcomes: three})
	if err != nil {
		x.Fatal(err)
	}
	message, err := proto.Marshal(&ingestv1.StoreStreamResponse{Outcomes: three})
	if err != nil {
		x.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(newRawCodec()), grpc.NumStreamWorkers(64),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			answer := call
			if method, _ := grpc.MethodFromServerStream(stream); method == ingestv1.IngestService_StoreStream_FullMethodName {
				answer = message
			}
			for {
				var request []byte
				if err := stream.RecvMsg(&request); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
				if err := stream.SendMsg(answer); err != nil {
					return err
				}
			}
		}))
	var lc net.ListenConfig
	listener, err := lc.Listen(x.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		x.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	x.Cleanup(server.Stop)
	return listener.Addr().String()
}

func (x *bench) dial(address string) *grpc.ClientConn {
	x.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(newRawCodec())))
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(func() { _ = conn.Close() })
	return conn
}

// perUplink is how many samples a node sends at once.
const perUplink = 3

// sampleTime is the time of the n-th sample of a node after base.
func sampleTime(base time.Time, n int64) time.Time { return base.Add(time.Duration(n) * time.Second) }

// uplinks returns uplinks with samples that have not been there before: all nodes
// in turn, each a little later than before.
func (x *bench) uplinks(samples int) []*ingestv1.Uplink {
	var all []*ingestv1.Uplink
	for samples > 0 {
		n := x.next.Add(1) - 1
		at := sampleTime(x.base, n/benchNodes*perUplink)
		u := &ingestv1.Uplink{NodeId: x.nodes[n%benchNodes][:], Metadata: &ingestv1.UplinkMetadata{
			DevEui: uint64(n % benchNodes), DeviceId: "eui-a81758fffe04d5b7", Protocol: "CLAIRCHEN", FPort: new(uint32(1)), FCnt: new(uint32(n)),
			ReceivedAt: timestamppb.New(at), DataRateIndex: new(uint32(3)), RssiDbm: new(int32(-110)), SnrDb: new(float32(-3.5)),
		}}
		for i := range min(perUplink, samples) {
			u.Samples = append(u.Samples, &ingestv1.Sample{
				TimeS: at.Unix() + int64(i), Co2Ppm: uint32(400 + n%1000),
				TemperatureDecicelsius: new(int32(200 + n%50)), RelHumidityPercent: new(uint32(40 + n%20)),
			})
		}
		samples -= perUplink
		all = append(all, u)
	}
	return all
}

// requests returns messages of a stream with samples each, and how many.
func (x *bench) requests(samples, perRequest int) [][]byte {
	var all [][]byte
	for ; samples > 0; samples -= perRequest {
		raw, err := proto.Marshal(&ingestv1.StoreStreamRequest{Uplinks: x.uplinks(perRequest)})
		if err != nil {
			x.Fatal(err)
		}
		all = append(all, raw)
	}
	return all
}

// stream sends messages on a stream of its own, with window of them unanswered.
func (x *bench) stream(ctx context.Context, conn *grpc.ClientConn, requests [][]byte) error {
	stream, err := conn.NewStream(withToken(ctx, token), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, ingestv1.IngestService_StoreStream_FullMethodName)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.Go(func() error {
		for _, r := range requests {
			if err := stream.SendMsg(r); err != nil {
				return err
			}
		}
		return stream.CloseSend()
	})
	g.Go(func() error {
		for range requests {
			var response ingestv1.StoreStreamResponse
			if err := stream.RecvMsg(&response); err != nil {
				return err
			}
			for _, o := range response.GetOutcomes() {
				if o != ingestv1.Outcome_OUTCOME_STORED {
					return fmt.Errorf("a sample is %v", o)
				}
			}
		}
		return nil
	})
	return g.Wait()
}

// saturate sends samples on streams and returns the rate.
func (x *bench) saturate(samples, perRequest, streams int) float64 {
	x.Helper()
	requests := x.requests(samples, perRequest)
	conn := x.dial(x.grpc)
	share := (len(requests) + streams - 1) / streams
	start := time.Now()
	g, ctx := errgroup.WithContext(x.Context())
	for part := range slices.Chunk(requests, share) {
		g.Go(func() error { return x.stream(ctx, conn, part) })
	}
	if err := g.Wait(); err != nil {
		x.Fatal(err)
	}
	return float64(samples) / time.Since(start).Seconds()
}

// pingPong sends messages of perCall samples on streams of as many callers, each
// of whom waits for the answer before the next.
func (x *bench) pingPong(address string, samples, perCall, callers int) float64 {
	x.Helper()
	requests := x.requests(samples, perCall)
	conn := x.dial(address)
	start := time.Now()
	g, ctx := errgroup.WithContext(x.Context())
	for part := range slices.Chunk(requests, len(requests)/callers+1) {
		g.Go(func() error {
			stream, err := conn.NewStream(withToken(ctx, token), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, ingestv1.IngestService_StoreStream_FullMethodName)
			if err != nil {
				return err
			}
			for _, request := range part {
				var response ingestv1.StoreStreamResponse
				if err := errors.Join(stream.SendMsg(request), stream.RecvMsg(&response)); err != nil {
					return err
				}
			}
			return stream.CloseSend()
		})
	}
	if err := g.Wait(); err != nil {
		x.Fatal(err)
	}
	return float64(samples) / time.Since(start).Seconds()
}

// unary sends calls of perCall samples from callers at the same time.
func (x *bench) unary(address string, samples, perCall, callers int) float64 {
	x.Helper()
	conn := x.dial(address)
	calls := make(chan []byte, samples/perCall)
	for range samples / perCall {
		raw, err := proto.Marshal(&ingestv1.StoreRequest{Uplinks: x.uplinks(perCall)})
		if err != nil {
			x.Fatal(err)
		}
		calls <- raw
	}
	close(calls)
	start := time.Now()
	g, ctx := errgroup.WithContext(x.Context())
	for range callers {
		g.Go(func() error {
			for call := range calls {
				var response ingestv1.StoreResponse
				if err := conn.Invoke(withToken(ctx, token), ingestv1.IngestService_Store_FullMethodName, call, &response); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		x.Fatal(err)
	}
	return float64(samples) / time.Since(start).Seconds()
}

// inProcess is unary without gRPC: callers of the ingester itself, in this
// process, with the same database.
func (x *bench) inProcess(samples, perCall, callers int) float64 {
	x.Helper()
	pool, err := pgdb.Open(x.Context(), pgdb.Config{URL: config.NewSecret(x.pool.Config().ConnString()), MaxConns: 4}, "bench", samplestore.Configure)
	if err != nil {
		x.Fatal(err)
	}
	defer pool.Close()
	in := ingest.New(postgres.New(pool), nil, slog.New(slog.DiscardHandler), time.Now, ingest.NewMetrics(prometheus.NewRegistry()))
	ctx, cancel := context.WithCancel(x.Context())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx, func() {}) }()
	batches := make(chan *ingest.Batch, samples/perCall)
	for range samples / perCall {
		b := &ingest.Batch{}
		for _, u := range x.uplinks(perCall) {
			for _, s := range u.GetSamples() {
				b.Samples = append(b.Samples, measurement.Sample{Time: time.Unix(s.GetTimeS(), 0).UTC(), CO2PPM: int(s.GetCo2Ppm()), Status: measurement.Measured})
			}
			b.Uplinks = append(b.Uplinks, ingest.Uplink{Uplink: keeping.Uplink{NodeID: uuid.UUID(u.GetNodeId())}, End: len(b.Samples)})
		}
		batches <- b
	}
	close(batches)
	begin := time.Now()
	var g errgroup.Group
	for range callers {
		g.Go(func() error {
			for b := range batches {
				if _, err := in.Store(x.Context(), b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = g.Wait()
	rate := float64(samples) / time.Since(begin).Seconds()
	cancel()
	if err := errors.Join(err, <-ended); err != nil {
		x.Fatal(err)
	}
	return rate
}

// floor copies samples into the same table, 1,000 in a transaction, on two
// connections, and returns the rate.
func (x *bench) floor(samples int) float64 {
	x.Helper()
	const perTransaction, connections = 1000, 2
	base := x.floorBase
	x.floorBase = base.Add(time.Duration(samples/benchNodes+1) * time.Second)
	if _, err := x.pool.Exec(x.Context(), "SELECT ensure_sample_partition($1), ensure_sample_partition($2)", base, x.floorBase); err != nil {
		x.Fatal(err)
	}
	// Encoded beforehand, so that the floor is the server's and not the driver's.
	work := make(chan []byte, samples/perTransaction)
	for i := 0; i < samples; i += perTransaction {
		rows := append([]byte("PGCOPY\n\xff\r\n\x00"), make([]byte, 8)...)
		for n := int64(i); n < int64(i+perTransaction); n++ {
			at := sampleTime(base, n/benchNodes).UnixMicro() - time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
			rows = append(rows, 0, 6)
			for _, field := range [][]byte{
				binary.BigEndian.AppendUint32(nil, uint32(x.nos[n%benchNodes])), binary.BigEndian.AppendUint64(nil, uint64(at)),
				binary.BigEndian.AppendUint16(nil, uint16(400+n%1000)), binary.BigEndian.AppendUint16(nil, uint16(200+n%50)),
				binary.BigEndian.AppendUint16(nil, uint16(40+n%20)), []byte("M"),
			} {
				rows = append(binary.BigEndian.AppendUint32(rows, uint32(len(field))), field...)
			}
		}
		work <- append(rows, 0xff, 0xff)
	}
	close(work)
	start := time.Now()
	g, ctx := errgroup.WithContext(x.Context())
	for range connections {
		g.Go(func() error {
			return x.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
				for rows := range work {
					if _, err := conn.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows), floorCopy); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		x.Fatal(err)
	}
	return float64(samples) / time.Since(start).Seconds()
}

const floorCopy = `COPY sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status) FROM STDIN BINARY`

// cpu returns the CPU time of the program, and of the database server with all
// that it started.
func (x *bench) cpu() (program, database time.Duration) {
	x.Helper()
	var backend int
	if err := x.pool.QueryRow(x.Context(), "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		x.Fatal(err)
	}
	postmaster, _, _ := procStat(backend)
	_, own, _ := procStat(postmaster) // with the children that have ended
	database = own
	entries, err := os.ReadDir("/proc")
	if err != nil {
		x.Skip("CPU times are read from /proc")
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if parent, used, ok := procStat(pid); ok && parent == postmaster {
				database += used
			}
		}
	}
	_, program, _ = procStat(x.pid)
	return program, database
}

// procStat reads /proc/<pid>/stat: the parent, and the CPU time with that of
// children that have ended.
func procStat(pid int) (parent int, used time.Duration, ok bool) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, false
	}
	_, rest, _ := strings.Cut(string(content), ") ") // the name may contain blanks
	fields := strings.Fields(rest)
	parent, _ = strconv.Atoi(fields[1])
	ticks := 0
	for _, f := range fields[11:15] {
		n, _ := strconv.Atoi(f)
		ticks += n
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 everywhere
	return parent, time.Duration(ticks) * tick, true
}

// metric reads a metric of the program.
func (x *bench) metric(name string) float64 {
	x.Helper()
	req, err := http.NewRequestWithContext(x.Context(), http.MethodGet, "http://"+x.ops+"/metrics", http.NoBody)
	if err != nil {
		x.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		x.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		x.Fatal(err)
	}
	suffix, name := "", name
	if base, ok := strings.CutSuffix(name, "_count"); ok && families[base] != nil {
		suffix, name = "count", base
	}
	switch m := families[name].GetMetric()[0]; {
	case suffix == "count":
		return float64(m.GetHistogram().GetSampleCount())
	case m.Counter != nil:
		return m.GetCounter().GetValue()
	default:
		return m.GetGauge().GetValue()
	}
}

// BenchmarkSaturated is the rate when senders wait for nothing but us, beside the
// floor: COPY of the same rows, without rules, deduplication, results or network.
func BenchmarkSaturated(b *testing.B) {
	samples, rounds := benchsize.Of(300_000, 6_000), benchsize.Of(3, 1)
	x := newBench(b)
	x.floor(samples / 3)
	x.saturate(samples/3, 100, 4) // warm
	echo := x.echo()
	var floors, streams, unaries, pings, direct, pingEchoes, unaryEchoes []float64
	var floorCPU, streamCPU, unaryCPU, pingCPU [2]time.Duration
	mallocs, flushes := 0.0, 0.0
	spent := func(on *[2]time.Duration, do func() float64) float64 {
		p0, d0 := x.cpu()
		rate := do()
		p1, d1 := x.cpu()
		on[0], on[1] = on[0]+p1-p0, on[1]+d1-d0
		return rate
	}
	for range rounds {
		floors = append(floors, spent(&floorCPU, func() float64 { return x.floor(samples) }))
		m0 := x.metric("go_memstats_mallocs_total")
		streams = append(streams, spent(&streamCPU, func() float64 { return x.saturate(samples, 100, 4) }))
		mallocs += x.metric("go_memstats_mallocs_total") - m0
		unaryEchoes = append(unaryEchoes, x.unary(echo, samples/4, perUplink, 64))
		unaries = append(unaries, spent(&unaryCPU, func() float64 { return x.unary(x.grpc, samples/4, perUplink, 64) }))
		direct = append(direct, x.inProcess(samples/4, perUplink, 64))
		f0 := x.metric("ingestair_flush_samples_count")
		pings = append(pings, spent(&pingCPU, func() float64 { return x.pingPong(x.grpc, samples/4, perUplink, 64) }))
		flushes += x.metric("ingestair_flush_samples_count") - f0
		pingEchoes = append(pingEchoes, x.pingPong(echo, samples/4, perUplink, 64))
	}
	median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	// possible is the rate of gRPC and ingestion one after the other, on the same cores.
	possible := func(echoes []float64) float64 { return 1 / (1/median(echoes) + 1/median(direct)) }
	perSample := func(d time.Duration, of int) float64 { return float64(d.Microseconds()) / float64(rounds*of) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(floors), "floor-samples/s")
	b.ReportMetric(perSample(floorCPU[1], samples), "floor-database-µs/sample")
	b.ReportMetric(median(streams), "stream-samples/s")
	b.ReportMetric(median(streams)/median(floors), "stream/floor")
	b.ReportMetric(perSample(streamCPU[0], samples), "stream-service-µs/sample")
	b.ReportMetric(perSample(streamCPU[1], samples), "stream-database-µs/sample")
	b.ReportMetric(mallocs/float64(rounds*samples), "stream-mallocs/sample")
	b.ReportMetric(median(unaries), "unary-samples/s")
	b.ReportMetric(median(unaries)/median(floors), "unary/floor")
	b.ReportMetric(median(unaryEchoes), "unary-echo-samples/s")
	b.ReportMetric(median(unaries)/possible(unaryEchoes), "unary/possible")
	b.ReportMetric(perSample(unaryCPU[0], samples/4), "unary-service-µs/sample")
	b.ReportMetric(perSample(unaryCPU[1], samples/4), "unary-database-µs/sample")
	b.ReportMetric(median(direct), "inprocess64-samples/s")
	b.ReportMetric(median(direct)/median(floors), "inprocess64/floor")
	b.ReportMetric(median(pings), "callers64-samples/s")
	b.ReportMetric(median(pings)/median(floors), "callers64/floor")
	b.ReportMetric(median(pingEchoes), "callers64-echo-samples/s")
	b.ReportMetric(median(pings)/possible(pingEchoes), "callers64/possible")
	b.ReportMetric(perSample(pingCPU[0], samples/4), "callers64-service-µs/sample")
	b.ReportMetric(perSample(pingCPU[1], samples/4), "callers64-database-µs/sample")
	b.ReportMetric(float64(rounds*samples/4)/flushes, "callers64-samples/flush")
	b.ReportMetric(x.metric("process_resident_memory_bytes")/1e6, "MB")
}

// BenchmarkAck is how long a caller waits for the answer when samples come at a
// given rate, beside a bare commit of one row on the same server. Messages have the
// three samples of an uplink; at the highest rate ten uplinks, as forwarders batch
// what is waiting.
func BenchmarkAck(b *testing.B) {
	x := newBench(b)
	x.saturate(benchsize.Of(30_000, 3_000), 100, 4) // warm
	for _, rate := range []int{100, 1000, 10_000, 50_000} {
		b.Run(strconv.Itoa(rate), func(b *testing.B) {
			perMessage := perUplink
			if rate > 10_000 {
				perMessage *= 10
			}
			seconds := benchsize.Of(3, 1)
			commits := x.bareCommits()
			waits := x.paced(rate, perMessage, rate*seconds)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(percentile(commits, 50), "commit-p50-ms")
			b.ReportMetric(percentile(waits, 50), "p50-ms")
			b.ReportMetric(percentile(waits, 99), "p99-ms")
		})
	}
}

func percentile(d []time.Duration, p int) float64 {
	slices.Sort(d)
	return float64(d[(len(d)-1)*p/100].Microseconds()) / 1000
}

// bareCommits is how long one row takes, in a transaction of its own.
func (x *bench) bareCommits() []time.Duration {
	x.Helper()
	if _, err := x.pool.Exec(x.Context(), "CREATE TABLE IF NOT EXISTS bare (n bigint)"); err != nil {
		x.Fatal(err)
	}
	all := make([]time.Duration, 300)
	for i := range all {
		begin := time.Now()
		if _, err := x.pool.Exec(x.Context(), "INSERT INTO bare VALUES ($1)", i); err != nil {
			x.Fatal(err)
		}
		all[i] = time.Since(begin)
	}
	return all
}

// paced sends samples at a rate on four streams and returns how long each message
// waited for its answer, counted from when it was due.
func (x *bench) paced(rate, perMessage, samples int) []time.Duration {
	x.Helper()
	const streams = 4
	requests := x.requests(samples, perMessage)
	gap := time.Duration(perMessage) * time.Second / time.Duration(rate)
	conn := x.dial(x.grpc)
	begin := time.Now().Add(50 * time.Millisecond)
	waits := make([]time.Duration, len(requests))
	g, ctx := errgroup.WithContext(x.Context())
	for first := range streams {
		stream, err := conn.NewStream(withToken(ctx, token), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, ingestv1.IngestService_StoreStream_FullMethodName)
		if err != nil {
			x.Fatal(err)
		}
		due := func(i int) time.Time { return begin.Add(time.Duration(i) * gap) }
		g.Go(func() error {
			for i := first; i < len(requests); i += streams {
				time.Sleep(time.Until(due(i)))
				if err := stream.SendMsg(requests[i]); err != nil {
					return err
				}
			}
			return stream.CloseSend()
		})
		g.Go(func() error {
			for i := first; i < len(requests); i += streams {
				var response ingestv1.StoreStreamResponse
				if err := stream.RecvMsg(&response); err != nil {
					return err
				}
				waits[i] = time.Since(due(i))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		x.Fatal(err)
	}
	return waits
}

// BenchmarkGrowth is the rate, and the space of a sample with its index, when the
// month has grown; GROWTH chooses the last size in millions of rows (10). With
// GROWTH_MONTHS the rows are of so many months before, as years of service leave
// them. A table grows for weeks and not in a minute, so what the nights and the server
// do for the rows that were loaded is done before the rate is taken.
func BenchmarkGrowth(b *testing.B) {
	million, perStep, rounds := benchsize.Of(1_000_000, 10_000), benchsize.Of(300_000, 3_000), benchsize.Of(3, 1)
	number := func(variable string, n int) int {
		if v := os.Getenv(variable); v != "" {
			var err error
			if n, err = strconv.Atoi(v); err != nil {
				b.Fatal(err)
			}
		}
		return n
	}
	last, months := number("GROWTH", 10), number("GROWTH_MONTHS", 0)
	x := newBench(b)
	// In the month that the new samples go to, before them.
	x.floorBase = x.base.Add(-time.Duration((last+5)*million/benchNodes) * time.Second)
	rows := 0
	perFill := million / 2
	fillTakes := time.Duration(perFill/benchNodes*2) * time.Second
	fill := func() {
		if months == 0 {
			x.floor(perFill)
			return
		}
		here := x.floorBase
		n := rows / perFill
		x.floorBase = x.base.AddDate(0, -1-n%months, 0).Add(time.Duration(n/months) * fillTakes)
		x.floor(perFill)
		x.floorBase = here
	}
	for _, size := range []int{1, 10, 50} {
		if size > last {
			break
		}
		for rows < size*million {
			fill()
			rows += perFill
		}
		b.Run(fmt.Sprint(size, "M"), func(b *testing.B) {
			x.rebuild()
			for _, sql := range []string{"VACUUM (ANALYZE) sample", "CHECKPOINT"} {
				if _, err := x.pool.Exec(b.Context(), sql); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(x.bytesPerSample(), "compacted-bytes/sample")
			x.saturate(perStep/3, 100, 4) // warm
			var rates, floors, programs, databases, floorDatabases []float64
			perSample := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(perStep) }
			for range rounds {
				p0, d0 := x.cpu()
				rates = append(rates, x.saturate(perStep, 100, 4))
				p1, d1 := x.cpu()
				floors = append(floors, x.floor(perStep))
				_, d2 := x.cpu()
				programs, databases, floorDatabases = append(programs, perSample(p1-p0)), append(databases, perSample(d1-d0)), append(floorDatabases, perSample(d2-d1))
			}
			rows += rounds * perStep * 2
			median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(rates), "stream-samples/s")
			b.ReportMetric(median(floors), "floor-samples/s")
			b.ReportMetric(median(rates)/median(floors), "stream/floor")
			b.ReportMetric(median(programs), "service-µs/sample")
			b.ReportMetric(median(databases), "database-µs/sample")
			b.ReportMetric(median(floorDatabases), "floor-database-µs/sample")
		})
	}
}

// rebuild does to all months what the ingestair does when they have grown.
func (x *bench) rebuild() {
	x.Helper()
	rows, err := x.pool.Query(x.Context(), `
		SELECT i.indexrelid::regclass::text FROM pg_inherits p JOIN pg_index i ON i.indrelid = p.inhrelid
		 WHERE p.inhparent = 'sample'::regclass AND i.indisprimary`)
	if err != nil {
		x.Fatal(err)
	}
	indexes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		x.Fatal(err)
	}
	for _, index := range indexes {
		for _, sql := range []string{"ALTER INDEX " + index + " SET (fillfactor = 100)", "REINDEX INDEX CONCURRENTLY " + index} {
			if _, err := x.pool.Exec(x.Context(), sql); err != nil {
				x.Fatal(err)
			}
		}
	}
}

// bytesPerSample is the space of the samples with their index.
func (x *bench) bytesPerSample() (bytes float64) {
	x.Helper()
	err := x.pool.QueryRow(x.Context(), `
		SELECT sum(pg_total_relation_size(inhrelid))::float8 / (SELECT count(*) FROM sample)
		  FROM pg_inherits WHERE inhparent = 'sample'::regclass`).Scan(&bytes)
	if err != nil {
		x.Fatal(err)
	}
	return bytes
}
