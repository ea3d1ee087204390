package grpcapi

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// passedOver are fields that the ingestair has no use for.
var passedOver = map[protoreflect.FullName]bool{
	"clair.ingest.v1.UplinkMetadata.source": true,
}

// TestFieldNumbers: what is decoded by hand is what the protocol says, and all of it: a
// new field does not go unnoticed.
func TestFieldNumbers(t *testing.T) {
	t.Parallel()
	for _, m := range []struct {
		message proto.Message
		want    map[string]protowire.Number
	}{
		{&ingestv1.StoreRequest{}, map[string]protowire.Number{"uplinks": storeRequestUplinks}},
		{&ingestv1.StoreStreamRequest{}, map[string]protowire.Number{"sequence": storeStreamRequestSequence, "uplinks": storeStreamRequestUplinks}},
		{&ingestv1.Uplink{}, map[string]protowire.Number{"node_id": uplinkNodeID, "samples": uplinkSamples, "metadata": uplinkMetadata, "readings": uplinkReadings}},
		{&ingestv1.Reading{}, map[string]protowire.Number{"time_s": readingTimeS, "quantity": readingQuantity, "value": readingValue}},
		{&ingestv1.Sample{}, map[string]protowire.Number{
			"time_s": sampleTimeS, "co2_ppm": sampleCO2PPM, "temperature_decicelsius": sampleTemperatureDecicelsius,
			"rel_humidity_percent": sampleRelHumidityPercent, "status": sampleStatus,
		}},
		{&ingestv1.UplinkMetadata{}, map[string]protowire.Number{
			"dev_eui": metadataDevEUI, "device_id": metadataDeviceID, "protocol": metadataProtocol, "f_port": metadataFPort,
			"f_cnt": metadataFCnt, "received_at": metadataReceivedAt, "data_rate_index": metadataDataRateIndex,
			"rssi_dbm": metadataRSSIDBm, "snr_db": metadataSNRDecibel, "battery_percent": metadataBatteryPercent,
			"battery_millivolts": metadataBatteryMillivolts, "application": metadataApplication,
			"spreading_factor": metadataSpreadingFactor, "bandwidth_khz": metadataBandwidthKHz,
			"frequency_hz": metadataFrequencyHz, "gateways": metadataGateways,
		}},
		{&timestamppb.Timestamp{}, map[string]protowire.Number{"seconds": timestampSeconds, "nanos": timestampNanos}},
		{&ingestv1.KeepUndecodedRequest{}, map[string]protowire.Number{"uplinks": keepUndecodedRequestUplinks}},
		{&ingestv1.UndecodedUplink{}, map[string]protowire.Number{
			"metadata": undecodedMetadata, "forwarder": undecodedForwarder, "payload": undecodedPayload,
			"envelope": undecodedEnvelope, "reason": undecodedReason,
		}},
	} {
		descriptor := m.message.ProtoReflect().Descriptor()
		got := map[string]protowire.Number{}
		for i := range descriptor.Fields().Len() {
			field := descriptor.Fields().Get(i)
			if !passedOver[field.FullName()] {
				got[string(field.Name())] = field.Number()
			}
		}
		if diff := cmp.Diff(got, m.want); diff != "" {
			t.Errorf("%s (-protocol +decoder):\n%s", descriptor.Name(), diff)
		}
	}
}
