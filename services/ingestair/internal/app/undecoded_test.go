package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// Kept uplinks are given back as they came, in pages and by choice, until they are
// forgotten.
func TestUndecodedUplinks(t *testing.T) {
	t.Parallel()
	at := start(t, pgtest.URL(t), nil)
	client := dial(t, at.GRPC)
	ctx := withToken(t.Context(), token)
	full := &ingestv1.UndecodedUplink{
		Metadata: &ingestv1.UplinkMetadata{
			DevEui: 0xA81758FFFE053CAB, DeviceId: "ers-1", FPort: new(uint32(5)), FCnt: new(uint32(4294967295)),
			DataRateIndex: new(uint32(0)), ReceivedAt: timestamppb.New(now.Add(-time.Minute)),
		},
		Forwarder: "ers-forwarder", Payload: []byte{0xFF, 0}, Envelope: []byte(`{"a":1}`), Reason: "content: no CO2",
	}
	bare := &ingestv1.UndecodedUplink{
		Metadata: &ingestv1.UplinkMetadata{}, Forwarder: "clairchen-forwarder", Envelope: []byte("{"), Reason: "envelope: not JSON",
	}
	for range 2 { // the second time changes nothing
		if _, err := client.KeepUndecoded(ctx, &ingestv1.KeepUndecodedRequest{Uplinks: []*ingestv1.UndecodedUplink{full, bare}}); err != nil {
			t.Fatal(err)
		}
	}
	list := func(request *ingestv1.ListUndecodedRequest) []*ingestv1.KeptUplink {
		t.Helper()
		response, err := client.ListUndecoded(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		return response.GetUplinks()
	}
	all := list(&ingestv1.ListUndecodedRequest{})
	want := []*ingestv1.KeptUplink{{Uplink: full}, {Uplink: bare}}
	if diff := cmp.Diff(want, all, protocmp.Transform(), protocmp.IgnoreFields(&ingestv1.KeptUplink{}, "id", "kept_at")); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		name    string
		request *ingestv1.ListUndecodedRequest
		want    []*ingestv1.KeptUplink
	}{
		{"first page", &ingestv1.ListUndecodedRequest{Limit: 1}, all[:1]},
		{"second page", &ingestv1.ListUndecodedRequest{Limit: 1, AfterId: all[0].GetId()}, all[1:]},
		{"after the last", &ingestv1.ListUndecodedRequest{AfterId: all[1].GetId()}, nil},
		{"of a forwarder", &ingestv1.ListUndecodedRequest{Forwarder: "clairchen-forwarder"}, all[1:]},
		{"of a device", &ingestv1.ListUndecodedRequest{DevEui: 0xA81758FFFE053CAB}, all[:1]},
	} {
		if diff := cmp.Diff(tt.want, list(tt.request), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if _, err := client.ListUndecoded(ctx, &ingestv1.ListUndecodedRequest{Limit: 1001}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("too large a page: got %v", err)
	}
	forgotten, err := client.ForgetUndecoded(ctx, &ingestv1.ForgetUndecodedRequest{Ids: []int64{all[0].GetId(), 4711}})
	if err != nil || forgotten.GetForgotten() != 1 {
		t.Errorf("got %v, %v, want one forgotten", forgotten, err)
	}
	if diff := cmp.Diff(all[1:], list(&ingestv1.ListUndecodedRequest{}), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Devices without an EUI, and messages of nobody, cost a few rows, not one for each uplink.
func TestUndecodedUplinksOfNobody(t *testing.T) {
	t.Parallel()
	at := start(t, pgtest.URL(t), nil)
	client := dial(t, at.GRPC)
	ctx := withToken(t.Context(), token)
	send := func(eui uint64, device string, first, n int) {
		t.Helper()
		request := &ingestv1.KeepUndecodedRequest{}
		for i := range n {
			request.Uplinks = append(request.Uplinks, &ingestv1.UndecodedUplink{
				Metadata:  &ingestv1.UplinkMetadata{DevEui: eui, DeviceId: device},
				Forwarder: "ers-forwarder", Envelope: fmt.Appendf(nil, `{"device":%q,"f_cnt":%d}`, device, first+i), Reason: "envelope: no EUI",
			})
		}
		if _, err := client.KeepUndecoded(ctx, request); err != nil {
			t.Fatal(err)
		}
	}
	send(0, "abp-1", 0, 15)
	send(0, "abp-1", 0, 15) // again
	send(0, "abp-1", 15, 100)
	send(0, "abp-2", 0, 3)
	send(0, "", 0, 100)
	send(0xA81758FFFE053CAB, "ers-1", 0, 100)
	got := map[string]int{}
	response, err := client.ListUndecoded(ctx, &ingestv1.ListUndecodedRequest{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range response.GetUplinks() {
		got[kept.GetUplink().GetMetadata().GetDeviceId()]++
	}
	want := map[string]int{"abp-1": ingest.MaxNameless, "abp-2": 3, "": ingest.MaxNameless, "ers-1": 100}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
