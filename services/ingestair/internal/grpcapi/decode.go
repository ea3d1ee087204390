package grpcapi

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// Requests are decoded by hand into flat slices. The generated types take three
// and more allocations a sample (the sample and each optional field), which costs
// more than all else that we do with it.

// storeRequest is a StoreRequest.
type storeRequest struct {
	request
	batch ingest.Batch
}

// storeStreamRequest is a StoreStreamRequest.
type storeStreamRequest struct {
	storeRequest
	sequence uint64
}

// keepUndecodedRequest is a KeepUndecodedRequest.
type keepUndecodedRequest struct {
	request
	uplinks []ingest.UndecodedUplink
}

var errWire = errors.New("the message is cut short or no protocol buffer")

// fields calls each for all fields of a message. Fields of a type that the
// protocol does not have are passed over, as everywhere in protocol buffers.
// Varints and fixed-size values come in v, the others in b.
func fields(data []byte, each func(num protowire.Number, typ protowire.Type, v uint64, b []byte) error) error {
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 || !num.IsValid() {
			return errWire
		}
		data = data[n:]
		var v uint64
		var b []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var fixed uint32
			fixed, n = protowire.ConsumeFixed32(data)
			v = uint64(fixed)
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			b, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(num, typ, data)
		}
		if n < 0 {
			return errWire
		}
		data = data[n:]
		if err := each(num, typ, v, b); err != nil {
			return err
		}
	}
	return nil
}

func (r *storeRequest) unmarshal(data []byte) error { return r.parseUplinks(data, storeRequestUplinks) }

func (r *storeStreamRequest) unmarshal(data []byte) error {
	err := fields(data, func(num protowire.Number, typ protowire.Type, v uint64, _ []byte) error {
		if num == storeStreamRequestSequence && typ == protowire.VarintType {
			r.sequence = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.parseUplinks(data, storeStreamRequestUplinks)
}

func (r *storeRequest) parseUplinks(data []byte, field protowire.Number) error {
	if err := r.allocate(data, field); err != nil {
		return err
	}
	return fields(data, func(num protowire.Number, typ protowire.Type, _ uint64, b []byte) error {
		if num == field && typ == protowire.BytesType {
			return r.addUplink(b)
		}
		return nil
	})
}

// allocate makes room for all uplinks and samples.
func (r *storeRequest) allocate(data []byte, uplinksField protowire.Number) error {
	uplinks, samples, readings := 0, 0, 0
	err := fields(data, func(num protowire.Number, typ protowire.Type, _ uint64, b []byte) error {
		if num != uplinksField || typ != protowire.BytesType {
			return nil
		}
		uplinks++
		return fields(b, func(num protowire.Number, typ protowire.Type, _ uint64, _ []byte) error {
			switch {
			case typ != protowire.BytesType:
			case num == uplinkSamples:
				samples++
			case num == uplinkReadings:
				readings++
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if samples > ingest.MaxSamples || uplinks > ingest.MaxSamples {
		return tooMany(max(samples, uplinks), ingest.MaxSamples)
	}
	if readings > ingest.MaxReadings {
		return fmt.Errorf("%d readings in a request; at most %d are allowed", readings, ingest.MaxReadings)
	}
	r.batch = ingest.Batch{
		Uplinks: make([]ingest.Uplink, 0, uplinks),
		Samples: make([]measurement.Sample, 0, samples),
	}
	if readings > 0 {
		r.batch.Readings = make([]quantity.Reading, 0, readings)
	}
	return nil
}

func tooMany(n, limit int) error {
	return fmt.Errorf("%d samples or uplinks in a request; at most %d are allowed", n, limit)
}

func (r *storeRequest) addUplink(data []byte) error {
	r.batch.Uplinks = append(r.batch.Uplinks, ingest.Uplink{})
	uplink := &r.batch.Uplinks[len(r.batch.Uplinks)-1]
	var id []byte
	var meta metadata
	err := fields(data, func(num protowire.Number, typ protowire.Type, _ uint64, b []byte) error {
		if typ != protowire.BytesType {
			return nil
		}
		switch num {
		case uplinkNodeID:
			id = b
		case uplinkSamples:
			s, err := parseSample(b)
			r.batch.Samples = append(r.batch.Samples, s)
			return err
		case uplinkMetadata:
			return meta.parse(b)
		case uplinkReadings:
			reading, err := parseReading(b)
			r.batch.Readings = append(r.batch.Readings, reading)
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(id) != len(uplink.NodeID) {
		return fmt.Errorf("node_id of uplink %d has %d bytes, want %d", len(r.batch.Uplinks)-1, len(id), len(uplink.NodeID))
	}
	uplink.NodeID = uuid.UUID(id)
	uplink.End, uplink.ReadingsEnd = len(r.batch.Samples), len(r.batch.Readings)
	uplink.Meta = meta.value()
	return nil
}

func parseSample(data []byte) (measurement.Sample, error) {
	var timeS int64
	var status ingestv1.MeasurementStatus
	var s measurement.Sample
	err := fields(data, func(num protowire.Number, typ protowire.Type, v uint64, _ []byte) error {
		if typ != protowire.VarintType {
			return nil
		}
		switch num {
		case sampleTimeS:
			timeS = int64(v)
		case sampleCO2PPM:
			s.CO2PPM = int(uint32(v))
		case sampleTemperatureDecicelsius:
			s.TemperatureDecicelsius = measurement.Known(int(signed32(v)))
		case sampleRelHumidityPercent:
			s.RelHumidityPercent = measurement.Known(int(uint32(v)))
		case sampleStatus:
			status = ingestv1.MeasurementStatus(int32(v))
		}
		return nil
	})
	s.Time = unix(timeS)
	s.Status = statusOf(status)
	return s, err
}

// unix is time.Unix without its wrapping around; far times are rejected later.
func unix(seconds int64) time.Time {
	const limit = 1 << 45
	return time.Unix(min(max(seconds, -limit), limit), 0).UTC()
}

func parseReading(data []byte) (quantity.Reading, error) {
	var timeS int64
	var r quantity.Reading
	err := fields(data, func(num protowire.Number, typ protowire.Type, v uint64, _ []byte) error {
		if typ != protowire.VarintType {
			return nil
		}
		switch num {
		case readingTimeS:
			timeS = int64(v)
		case readingQuantity:
			// What is too large is none that there can be, as the largest is.
			r.Quantity = quantity.ID(min(uint32(v), math.MaxUint16))
		case readingValue:
			r.Steps = signed32(v)
		}
		return nil
	})
	r.Time = unix(timeS)
	return r, err
}

// signed32 decodes an sint32.
func signed32(v uint64) int32 { return int32(protowire.DecodeZigZag(v & math.MaxUint32)) }

// statusOf returns 0, which is rejected later, for a status that we do not know.
func statusOf(s ingestv1.MeasurementStatus) measurement.Status {
	switch s {
	case ingestv1.MeasurementStatus_MEASUREMENT_STATUS_UNSPECIFIED, ingestv1.MeasurementStatus_MEASUREMENT_STATUS_MEASURED:
		return measurement.Measured
	case ingestv1.MeasurementStatus_MEASUREMENT_STATUS_REPEATED:
		return measurement.Repeated
	case ingestv1.MeasurementStatus_MEASUREMENT_STATUS_ERROR:
		return measurement.Faulty
	default:
		return 0
	}
}

// metadata is an UplinkMetadata on the way; of a field that comes twice the
// last value holds, and messages that come twice are merged.
type metadata struct {
	meta     keeping.Metadata
	seconds  int64
	nanos    int32
	received bool
}

func (m *metadata) parse(data []byte) error {
	return fields(data, func(num protowire.Number, typ protowire.Type, v uint64, b []byte) error {
		switch typ {
		case protowire.VarintType:
			m.number(num, v)
		case protowire.Fixed64Type:
			if num == metadataDevEUI {
				m.meta.DevEUI = lorawan.EUI64(v)
			}
		case protowire.Fixed32Type:
			if num == metadataSNRDecibel {
				m.meta.SNRDecibel, m.meta.SNRKnown = math.Float32frombits(uint32(v)), true
			}
		case protowire.BytesType:
			return m.bytes(num, b)
		}
		return nil
	})
}

func (m *metadata) number(num protowire.Number, v uint64) {
	unsigned := measurement.Known(int(uint32(v)))
	switch num {
	case metadataFPort:
		m.meta.FPort = unsigned
	case metadataFCnt:
		m.meta.FCnt = unsigned
	case metadataDataRateIndex:
		m.meta.DataRateIndex = unsigned
	case metadataSpreadingFactor:
		m.meta.SpreadingFactor = unsigned
	case metadataBandwidthKHz:
		m.meta.BandwidthKHz = unsigned
	case metadataFrequencyHz:
		m.meta.FrequencyHz = unsigned
	case metadataGateways:
		m.meta.Gateways = unsigned
	case metadataRSSIDBm:
		m.meta.RSSIDBm = measurement.Known(int(signed32(v)))
	case metadataBatteryPercent:
		m.meta.BatteryPercent = unsigned
	case metadataBatteryMillivolts:
		m.meta.BatteryMillivolts = unsigned
	}
}

func (m *metadata) bytes(num protowire.Number, b []byte) error {
	switch num {
	case metadataDeviceID:
		return setText(&m.meta.DeviceID, b, keeping.MaxDeviceID)
	case metadataProtocol:
		return setText(&m.meta.Protocol, b, maxProtocol)
	case metadataApplication:
		if len(b) > keeping.MaxApplication {
			return nil // cut, it would be another one
		}
		return setText(&m.meta.Application, b, keeping.MaxApplication)
	case metadataReceivedAt:
		m.received = true
		return fields(b, func(num protowire.Number, typ protowire.Type, v uint64, _ []byte) error {
			switch {
			case typ != protowire.VarintType:
			case num == timestampSeconds:
				m.seconds = int64(v)
			case num == timestampNanos:
				m.nanos = int32(v)
			}
			return nil
		})
	}
	return nil
}

// Lengths in bytes, as in the contract.
const (
	maxProtocol  = 32
	maxForwarder = 64
	maxReason    = 1024
	maxPayload   = 255
	maxEnvelope  = 64 << 10
	maxUndecoded = 1000
)

// setText takes a string. What is too long is cut: a strange name is no reason to
// refuse a measurement.
func setText(to *string, b []byte, limit int) error {
	if !utf8.Valid(b) {
		return errors.New("a text is not valid UTF-8")
	}
	if len(b) > limit {
		b = b[:limit]
	}
	// Cutting may leave half a character; PostgreSQL takes neither that nor NUL.
	*to = strings.ReplaceAll(strings.ToValidUTF8(string(b), ""), "\x00", "")
	return nil
}

// value returns the metadata that was read.
func (m *metadata) value() keeping.Metadata {
	meta := m.meta
	if m.received {
		// The limit keeps far times from wrapping around into the plausible.
		meta.ReceivedAt = time.Unix(min(max(m.seconds, 0), 1<<40), int64(m.nanos)).UTC()
	}
	return meta
}

func (r *keepUndecodedRequest) unmarshal(data []byte) error {
	return fields(data, func(num protowire.Number, typ protowire.Type, _ uint64, b []byte) error {
		if num != keepUndecodedRequestUplinks || typ != protowire.BytesType {
			return nil
		}
		if len(r.uplinks) == maxUndecoded {
			return tooMany(maxUndecoded+1, maxUndecoded)
		}
		u, err := parseUndecoded(b)
		r.uplinks = append(r.uplinks, u)
		return err
	})
}

func parseUndecoded(data []byte) (ingest.UndecodedUplink, error) {
	var u ingest.UndecodedUplink
	var meta metadata
	err := fields(data, func(num protowire.Number, typ protowire.Type, _ uint64, b []byte) error {
		if typ != protowire.BytesType {
			return nil
		}
		switch num {
		case undecodedMetadata:
			return meta.parse(b)
		case undecodedForwarder:
			return setText(&u.Forwarder, b, maxForwarder)
		case undecodedPayload:
			u.Payload = append([]byte(nil), b[:min(len(b), maxPayload)]...)
		case undecodedEnvelope:
			u.Envelope = append([]byte(nil), b[:min(len(b), maxEnvelope)]...)
		case undecodedReason:
			return setText(&u.Reason, b, maxReason)
		}
		return nil
	})
	u.Meta = meta.value()
	return u, err
}
