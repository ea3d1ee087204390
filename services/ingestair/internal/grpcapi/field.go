package grpcapi

import "google.golang.org/protobuf/encoding/protowire"

// Numbers of the protocol's fields that are decoded by hand. A test compares them
// with the descriptor of the protocol.
const (
	storeRequestUplinks protowire.Number = 1

	storeStreamRequestSequence protowire.Number = 1
	storeStreamRequestUplinks  protowire.Number = 2

	uplinkNodeID   protowire.Number = 1
	uplinkSamples  protowire.Number = 2
	uplinkMetadata protowire.Number = 3
	uplinkReadings protowire.Number = 4

	readingTimeS    protowire.Number = 1
	readingQuantity protowire.Number = 2
	readingValue    protowire.Number = 3

	sampleTimeS                  protowire.Number = 1
	sampleCO2PPM                 protowire.Number = 2
	sampleTemperatureDecicelsius protowire.Number = 3
	sampleRelHumidityPercent     protowire.Number = 4
	sampleStatus                 protowire.Number = 5

	metadataDevEUI            protowire.Number = 1
	metadataDeviceID          protowire.Number = 2
	metadataProtocol          protowire.Number = 3
	metadataFPort             protowire.Number = 4
	metadataFCnt              protowire.Number = 5
	metadataReceivedAt        protowire.Number = 6
	metadataDataRateIndex     protowire.Number = 7
	metadataRSSIDBm           protowire.Number = 8
	metadataSNRDecibel        protowire.Number = 9
	metadataBatteryPercent    protowire.Number = 10
	metadataBatteryMillivolts protowire.Number = 11
	metadataSpreadingFactor   protowire.Number = 13
	metadataBandwidthKHz      protowire.Number = 14
	metadataFrequencyHz       protowire.Number = 15
	metadataGateways          protowire.Number = 16
	metadataApplication       protowire.Number = 17

	timestampSeconds protowire.Number = 1
	timestampNanos   protowire.Number = 2

	keepUndecodedRequestUplinks protowire.Number = 1

	undecodedMetadata  protowire.Number = 1
	undecodedForwarder protowire.Number = 2
	undecodedPayload   protowire.Number = 3
	undecodedEnvelope  protowire.Number = 4
	undecodedReason    protowire.Number = 5
)
