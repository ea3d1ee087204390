package main

import (
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
}

func (k *keeper) ListUndecoded(_ context.Context, r *ingestv1.ListUndecodedRequest) (*ingestv1.ListUndecodedResponse, error) {
	if r.GetAfterId() > 0 {
		return new(ingestv1.ListUndecodedResponse), nil
	}
	return &ingestv1.ListUndecodedResponse{Uplinks: k.kept}, nil
}

func (k *keeper) Store(_ context.Context, r *ingestv1.StoreRequest) (*ingestv1.StoreResponse, error) {
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

// What came of a sensor before somebody described it is read once there is a mapping.
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
