package grpcapi

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// convert makes of generated messages what decoding by hand makes of their bytes.
func convert(uplinks []*ingestv1.Uplink) (ingest.Batch, error) {
	b := ingest.Batch{Uplinks: []ingest.Uplink{}, Samples: []measurement.Sample{}}
	for _, u := range uplinks {
		if len(u.GetNodeId()) != 16 {
			return b, errors.New("node id")
		}
		for _, s := range u.GetSamples() {
			b.Samples = append(b.Samples, measurement.Sample{
				Time: time.Unix(min(max(s.GetTimeS(), -1<<45), 1<<45), 0).UTC(), CO2PPM: int(s.GetCo2Ppm()),
				TemperatureDecicelsius: known(s.TemperatureDecicelsius), RelHumidityPercent: known(s.RelHumidityPercent),
				Status: statusOf(s.GetStatus()),
			})
		}
		for _, r := range u.GetReadings() {
			b.Readings = append(b.Readings, quantity.Reading{
				Time:  time.Unix(min(max(r.GetTimeS(), -1<<45), 1<<45), 0).UTC(),
				Value: quantity.Value{Quantity: quantity.ID(min(r.GetQuantity(), math.MaxUint16)), Steps: r.GetValue()},
			})
		}
		b.Uplinks = append(b.Uplinks, ingest.Uplink{
			Uplink: keeping.Uplink{NodeID: uuid.UUID(u.GetNodeId()), Meta: convertMetadata(u.GetMetadata())}, End: len(b.Samples), ReadingsEnd: len(b.Readings),
		})
	}
	if len(b.Samples) > ingest.MaxSamples || len(b.Uplinks) > ingest.MaxSamples || len(b.Readings) > ingest.MaxReadings {
		return b, errors.New("too many")
	}
	return b, nil
}

func convertMetadata(m *ingestv1.UplinkMetadata) keeping.Metadata {
	if m == nil {
		return keeping.Metadata{}
	}
	to := keeping.Metadata{
		DevEUI: lorawan.EUI64(m.GetDevEui()), DeviceID: cut(m.GetDeviceId(), 64), Protocol: cut(m.GetProtocol(), 32), Application: cut(m.GetApplication(), 64),
		FPort: known(m.FPort), FCnt: known(m.FCnt), DataRateIndex: known(m.DataRateIndex), RSSIDBm: known(m.RssiDbm),
		SNRDecibel: m.GetSnrDb(), SNRKnown: m.SnrDb != nil,
		BatteryPercent: known(m.BatteryPercent), BatteryMillivolts: known(m.BatteryMillivolts),
		SpreadingFactor: known(m.SpreadingFactor), BandwidthKHz: known(m.BandwidthKhz), FrequencyHz: known(m.FrequencyHz), Gateways: known(m.Gateways),
	}
	if at := m.GetReceivedAt(); at != nil {
		to.ReceivedAt = time.Unix(min(max(at.GetSeconds(), 0), 1<<40), int64(at.GetNanos())).UTC()
	}
	return to
}

func known[T uint32 | int32](v *T) measurement.Reading {
	if v == nil {
		return measurement.Reading{}
	}
	return measurement.Known(int(*v))
}

func cut(s string, limit int) string {
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return strings.ReplaceAll(s, "\x00", "")
}

func fullRequest() *ingestv1.StoreRequest {
	id := measurement.NodeID("CLAIRCHEN", 1)
	return &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{
		{
			NodeId: id[:],
			Samples: []*ingestv1.Sample{
				{TimeS: 1795345200, Co2Ppm: 612, TemperatureDecicelsius: new(int32(-205)), RelHumidityPercent: new(uint32(0)), Status: ingestv1.MeasurementStatus_MEASUREMENT_STATUS_ERROR},
				{TimeS: math.MinInt64, Co2Ppm: math.MaxUint32, TemperatureDecicelsius: new(int32(math.MinInt32)), RelHumidityPercent: new(uint32(math.MaxUint32)), Status: 77},
				{},
			},
			Metadata: &ingestv1.UplinkMetadata{
				DevEui: 0xA81758FFFE04D5B7, DeviceId: strings.Repeat("ä", 40) + "\x00", Protocol: "CLAIRCHEN", FPort: new(uint32(1)), FCnt: new(uint32(math.MaxUint32)),
				ReceivedAt: &timestamppb.Timestamp{Seconds: 1795345200, Nanos: 999}, DataRateIndex: new(uint32(0)), RssiDbm: new(int32(-120)), SnrDb: new(float32(-7.5)),
				BatteryPercent: new(uint32(80)), BatteryMillivolts: new(uint32(3600)), Source: ingestv1.Source_SOURCE_MQTT, Application: "school",
				SpreadingFactor: new(uint32(12)), BandwidthKhz: new(uint32(125)), FrequencyHz: new(uint32(868_100_000)), Gateways: new(uint32(3)),
			},
		},
		{NodeId: id[:]},
		{NodeId: id[:], Readings: []*ingestv1.Reading{
			{TimeS: 1795345200, Quantity: 3, Value: 10132}, {TimeS: math.MaxInt64, Quantity: math.MaxUint32, Value: math.MinInt32}, {},
		}},
		{NodeId: id[:], Samples: []*ingestv1.Sample{{TimeS: 1}}, Metadata: &ingestv1.UplinkMetadata{}},
	}}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// FuzzDecode: decoding by hand means the same as the generated code, for every
// input, also for messages that come in pieces, out of order or with unknown
// fields.
func FuzzDecode(f *testing.F) {
	full := marshal(f, fullRequest())
	f.Add(full)
	f.Add([]byte{})
	f.Add(append(full, full...))
	f.Add(marshal(f, &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{{NodeId: make([]byte, 15)}}}))
	// Metadata in two pieces, and a group, which nobody uses anymore.
	uplink := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), make([]byte, 16))
	for _, piece := range []*ingestv1.UplinkMetadata{
		{ReceivedAt: &timestamppb.Timestamp{Seconds: 5}, FPort: new(uint32(1))}, {ReceivedAt: &timestamppb.Timestamp{Nanos: 7}, FPort: new(uint32(2)), DeviceId: "x"},
	} {
		uplink = protowire.AppendBytes(protowire.AppendTag(uplink, 3, protowire.BytesType), marshal(f, piece))
	}
	uplink = protowire.AppendTag(protowire.AppendTag(uplink, 2, protowire.StartGroupType), 2, protowire.EndGroupType)
	f.Add(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), uplink))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var generated ingestv1.StoreRequest
		wantErr := proto.Unmarshal(raw, &generated)
		var want ingest.Batch
		if wantErr == nil {
			want, wantErr = convert(generated.GetUplinks())
		}
		var got storeRequest
		err := got.unmarshal(raw)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("error %v, want %v", err, wantErr)
		}
		if err == nil {
			if diff := cmp.Diff(want, got.batch, cmp.Comparer(sameFloat)); diff != "" {
				t.Errorf("batch (-generated +by hand):\n%s", diff)
			}
		}
		var stream ingestv1.StoreStreamRequest
		wantErr = proto.Unmarshal(raw, &stream)
		if wantErr == nil {
			_, wantErr = convert(stream.GetUplinks())
		}
		var message storeStreamRequest
		if err := message.unmarshal(raw); (err != nil) != (wantErr != nil) || err == nil && message.sequence != stream.GetSequence() {
			t.Errorf("stream message: sequence %d, error %v, want %d, %v", message.sequence, err, stream.GetSequence(), wantErr)
		}
	})
}

func sameFloat(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// FuzzDecodeUndecoded is FuzzDecode for uplinks that nobody could read.
func FuzzDecodeUndecoded(f *testing.F) {
	f.Add(marshal(f, &ingestv1.KeepUndecodedRequest{Uplinks: []*ingestv1.UndecodedUplink{
		{Metadata: fullRequest().GetUplinks()[0].GetMetadata(), Forwarder: "ers-forwarder", Payload: make([]byte, 300), Envelope: []byte("{"), Reason: strings.Repeat("é", 600)}, {},
	}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var generated ingestv1.KeepUndecodedRequest
		wantErr := proto.Unmarshal(raw, &generated)
		if wantErr == nil && len(generated.GetUplinks()) > maxUndecoded {
			wantErr = errors.New("too many")
		}
		var got keepUndecodedRequest
		err := got.unmarshal(raw)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("error %v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		for i, u := range generated.GetUplinks() {
			g := got.uplinks[i]
			want := ingest.UndecodedUplink{
				Meta: convertMetadata(u.GetMetadata()), Forwarder: cut(u.GetForwarder(), maxForwarder), Reason: cut(u.GetReason(), maxReason),
				Payload: u.GetPayload()[:min(len(u.GetPayload()), maxPayload)], Envelope: u.GetEnvelope()[:min(len(u.GetEnvelope()), maxEnvelope)],
			}
			if diff := cmp.Diff(want, g, cmp.Comparer(sameFloat), cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) })); diff != "" {
				t.Errorf("uplink %d (-generated +by hand):\n%s", i, diff)
			}
			if !utf8.ValidString(g.Reason) {
				t.Errorf("reason %q", g.Reason)
			}
		}
	})
}

// TestDecodingTakesNoAllocationsPerSample keeps the reason for decoding by hand.
func TestDecodingTakesNoAllocationsPerSample(t *testing.T) { //nolint:paralleltest // counts allocations of the whole process
	request := &ingestv1.StoreRequest{}
	id := measurement.NodeID("CLAIRCHEN", 1)
	for range 100 {
		request.Uplinks = append(request.Uplinks, &ingestv1.Uplink{NodeId: id[:], Samples: []*ingestv1.Sample{
			{TimeS: 1, Co2Ppm: 400, TemperatureDecicelsius: new(int32(1)), RelHumidityPercent: new(uint32(2))}, {TimeS: 2}, {TimeS: 3},
		}})
	}
	raw := marshal(t, request)
	allocations := testing.AllocsPerRun(100, func() {
		var r storeRequest
		if err := r.unmarshal(raw); err != nil {
			t.Error(err)
		}
	})
	if allocations > 10 {
		t.Errorf("%v allocations for 300 samples", allocations)
	}
}
