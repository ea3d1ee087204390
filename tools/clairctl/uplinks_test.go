package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// keeper is an ingestair that has undecoded uplinks.
type keeper struct {
	ingestv1.UnimplementedIngestServiceServer
	kept []*ingestv1.KeptUplink
	// old says that it is of a version that knows no readings.
	old       bool
	forgotten []int64
	stored    []*ingestv1.Uplink
}

func (k *keeper) ListUndecoded(_ context.Context, r *ingestv1.ListUndecodedRequest) (*ingestv1.ListUndecodedResponse, error) {
	if r.GetAfterId() > 0 {
		return new(ingestv1.ListUndecodedResponse), nil
	}
	return &ingestv1.ListUndecodedResponse{Uplinks: k.kept}, nil
}

func (k *keeper) Store(_ context.Context, r *ingestv1.StoreRequest) (*ingestv1.StoreResponse, error) {
	k.stored = append(k.stored, r.GetUplinks()...)
	response := new(ingestv1.StoreResponse)
	for _, u := range r.GetUplinks() {
		for range u.GetSamples() {
			response.Outcomes = append(response.Outcomes, ingestv1.Outcome_OUTCOME_STORED)
		}
		for range u.GetReadings() {
			if !k.old {
				response.ReadingOutcomes = append(response.ReadingOutcomes, ingestv1.Outcome_OUTCOME_STORED)
			}
		}
	}
	return response, nil
}

func (k *keeper) ForgetUndecoded(_ context.Context, r *ingestv1.ForgetUndecodedRequest) (*ingestv1.ForgetUndecodedResponse, error) {
	k.forgotten = append(k.forgotten, r.GetIds()...)
	return new(ingestv1.ForgetUndecodedResponse), nil
}

// An ingestair of before leaves readings out without a word: uplinks with some are kept until
// one has taken them.
//
//nolint:paralleltest // the environment is set
func TestRedecodeKeepsWhatIsNotTaken(t *testing.T) {
	k := &keeper{}
	for i, payload := range [][]byte{{0x06, 0x02, 0x8A}, {0x01, 0x00, 0xE2, 0x04, 0x00, 0x27}} { // CO2; temperature and light alone
		u := lorawan.Uplink{DevEUI: 0xA81758FFFE052B0F, DeviceID: "ers", FPort: 5, Payload: payload, ReceivedAt: time.Unix(1598966251, 0), DataRate: lorawan.SF7BW125}
		k.kept = append(k.kept, &ingestv1.KeptUplink{Id: int64(i + 1), KeptAt: timestamppb.New(u.ReceivedAt), Uplink: &ingestv1.UndecodedUplink{
			Forwarder: "ers-forwarder", Payload: payload, Envelope: ttn.EncodeUplink(ttn.Application{ID: "a"}, &u),
		}})
	}
	k.serve(t)
	for _, tt := range []struct {
		name      string
		old       bool
		code      int
		printed   string
		forgotten []int64
	}{
		{"of before", true, exitPartly, "not taken: the ingestair knows no readings, update it first  1", []int64{1}},
		{"of today", false, exitOK, "readings stored    2", []int64{1, 2}},
	} {
		k.old, k.forgotten = tt.old, nil
		stdout, stderr, code := clairctl(t, "", "uplinks", "redecode")
		if code != tt.code || !strings.Contains(stdout, tt.printed) || !slices.Equal(k.forgotten, tt.forgotten) {
			t.Errorf("%s: exit code %d, want %d; forgotten %v, want %v; printed %q, %q, want %q", tt.name, code, tt.code, k.forgotten, tt.forgotten, stdout, stderr, tt.printed)
		}
	}
}

// serve lets clairctl find the keeper.
func (k *keeper) serve(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	ingestv1.RegisterIngestServiceServer(server, k)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	t.Setenv("INGESTAIR_ADDRESS", listener.Addr().String())
	t.Setenv("INGEST_TOKEN", "secret")
}

// keep adds an uplink that the lorawan-forwarder has kept.
func (k *keeper) keep(u *lorawan.Uplink) {
	k.kept = append(k.kept, &ingestv1.KeptUplink{Id: int64(len(k.kept) + 1), KeptAt: timestamppb.New(u.ReceivedAt), Uplink: &ingestv1.UndecodedUplink{
		Forwarder: "lorawan-forwarder", Payload: u.Payload, Envelope: ttn.EncodeUplink(ttn.Application{ID: "a"}, u),
	}})
}

// A mapping that reads nothing of what is measured, or not all of it, does not cost the only
// copy: a better one may read it.
//
//nolint:paralleltest // the environment is set
func TestRedecodeKeepsWhatIsNotRead(t *testing.T) {
	const head = `{"form":1,"name":"acme","version":1,"title":"Acme","source":{"url":"https://acme.example","licence":"own"},"profiles":["acme/one"],`
	for _, tt := range []struct {
		name, decoded, mapping string
		printed                []string
		stored                 int
		kept                   bool
	}{
		{
			"only the battery", `{"CO2":500,"bat":90}`, `"blocks":[{"fields":[{"quantity":"co2_ppm","pointer":"/co2"},{"quantity":"battery_percent","pointer":"/bat"}]}]}`,
			[]string{"decoded                 0", "still undecodable       1"},
			0, true,
		},
		{
			"said to be silent", `{"CO2":500,"bat":90}`, `"silent":[{"f_ports":[5]}],"blocks":[{"fields":[{"quantity":"battery_percent","pointer":"/bat"}]}]}`,
			[]string{"decoded                            0", "without measurements; they are kept  1"},
			0, true,
		},
		{
			"in part", `{"CO2":"n/a","Lux":40}`, `"blocks":[{"fields":[{"quantity":"co2_ppm","pointer":"/CO2"},{"quantity":"light_lux","pointer":"/Lux"}]}]}`,
			[]string{"decoded                            0", "only in part; they are kept  1", "readings stored                    1"},
			1, true,
		},
		{
			"all", `{"CO2":500,"Lux":40}`, `"blocks":[{"fields":[{"quantity":"co2_ppm","pointer":"/CO2"},{"quantity":"light_lux","pointer":"/Lux"}]}]}`,
			[]string{"decoded            1", "samples stored     1", "readings stored    1"},
			1, false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k keeper
			k.keep(&lorawan.Uplink{DevEUI: 1, FPort: 5, Payload: []byte{1}, ReceivedAt: time.Unix(1598966251, 0), Profile: "acme/one", Decoded: tt.decoded})
			k.serve(t)
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, "acme.json"), []byte(head+tt.mapping), 0o600); err != nil {
				t.Fatal(err)
			}
			want := exitOK
			if tt.kept {
				want = exitPartly
			}
			stdout, stderr, code := clairctl(t, "", "uplinks", "redecode", "--mappings", folder)
			if code != want || len(k.stored) != tt.stored || (len(k.forgotten) == 0) != tt.kept {
				t.Errorf("exit code %d, want %d; stored %v; forgotten %v; printed %q", code, want, k.stored, k.forgotten, stderr)
			}
			printed := strings.Join(strings.Fields(stdout), " ")
			for _, line := range tt.printed {
				if !strings.Contains(printed, strings.Join(strings.Fields(line), " ")) {
					t.Errorf("printed %q, want %q in it", stdout, line)
				}
			}
		})
	}
}

// Whichever codec an operator names, the node is that of the service, whose uplinks these are.
//
//nolint:paralleltest // the environment is set
func TestRedecodeMakesTheNodesOfTheService(t *testing.T) {
	ers := lorawan.Uplink{
		DevEUI: 0xA81758FFFE052B0F, FPort: 5, Payload: []byte{0x06, 0x02, 0x8A}, ReceivedAt: time.Unix(1598966251, 0), Profile: "acme/ers", DataRate: lorawan.SF7BW125,
	}
	want := measurement.NodeID("LORAWAN", ers.DevEUI)
	for _, flags := range [][]string{
		{"--codec-by-profile", "acme/ers=elsys"},
		{"--codec", "elsys"},
		{"--codec-by-profile", "acme/ers=elsys", "--mappings", t.TempDir()},
	} {
		t.Run(strings.Join(flags[:2], " "), func(t *testing.T) {
			var k keeper
			k.keep(&ers)
			k.serve(t)
			stdout, stderr, code := clairctl(t, "", append([]string{"uplinks", "redecode"}, flags...)...)
			if code != exitOK || len(k.stored) != 1 || len(k.forgotten) != 1 {
				t.Fatalf("exit code %d, stored %v, forgotten %v, printed %q, %q", code, k.stored, k.forgotten, stdout, stderr)
			}
			got := k.stored[0]
			if !bytes.Equal(got.GetNodeId(), want[:]) || got.GetMetadata().GetProtocol() != "LORAWAN" || got.GetSamples()[0].GetCo2Ppm() != 650 {
				t.Errorf("got the node %x of %s, want %x of LORAWAN, with 650 ppm: %v", got.GetNodeId(), got.GetMetadata().GetProtocol(), want[:], got)
			}
		})
	}
}

// What came of a sensor before somebody described it is read once there is a mapping.
//
//nolint:paralleltest // the environment is set
func TestRedecodeByMapping(t *testing.T) {
	k := &keeper{}
	u := lorawan.Uplink{DevEUI: 1, FPort: 5, Payload: []byte{1}, ReceivedAt: time.Unix(1598966251, 0), Profile: "acme/one", Decoded: `{"Lux":40}`}
	k.kept = []*ingestv1.KeptUplink{{Id: 7, KeptAt: timestamppb.New(u.ReceivedAt), Uplink: &ingestv1.UndecodedUplink{
		Forwarder: "lorawan-forwarder", Payload: u.Payload, Envelope: ttn.EncodeUplink(ttn.Application{ID: "a"}, &u),
	}}}
	k.serve(t)
	folder := t.TempDir()
	write := func(content string) {
		if err := os.WriteFile(filepath.Join(folder, "acme.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, code := clairctl(t, "", "uplinks", "redecode"); code != exitPartly || len(k.forgotten) != 0 {
		t.Errorf("without a mapping: exit code %d, forgotten %v", code, k.forgotten)
	}
	write(`{"form":1,"name":"acme","version":1,"title":"Acme","source":{"url":"https://acme.example","licence":"own"},"profiles":["acme/one"],
		"blocks":[{"fields":[{"quantity":"light_lux","pointer":"/Lux"}]}]}`)
	stdout, stderr, code := clairctl(t, "", "uplinks", "redecode", "--mappings", folder)
	if code != exitOK || !strings.Contains(stdout, "readings stored    1") || !slices.Equal(k.forgotten, []int64{7}) {
		t.Errorf("exit code %d, forgotten %v, printed %q, %q", code, k.forgotten, stdout, stderr)
	}
	write(`{}`)
	if _, stderr, code := clairctl(t, "", "uplinks", "redecode", "--mappings", folder); code != exitUsage || !strings.Contains(stderr, "acme.json: /form: required") {
		t.Errorf("with a broken mapping: exit code %d, printed %q", code, stderr)
	}
}
