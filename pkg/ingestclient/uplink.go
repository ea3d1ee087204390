package ingestclient

import (
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// Uplink returns a decoded uplink as the ingestion service takes it.
func Uplink(u *lorawan.Uplink, d codec.Decoder, m codec.Message, source ingestv1.Source) *ingestv1.Uplink {
	id := measurement.NodeID(d.Protocol(), u.DevEUI)
	return &ingestv1.Uplink{NodeId: id[:], Samples: samples(m.Samples), Metadata: Metadata(u, d, m, source), Readings: readings(m.Readings)}
}

func readings(decoded []quantity.Reading) []*ingestv1.Reading {
	if len(decoded) == 0 {
		return nil
	}
	backing := make([]ingestv1.Reading, len(decoded))
	all := make([]*ingestv1.Reading, len(decoded))
	for i, r := range decoded {
		backing[i].TimeS, backing[i].Quantity, backing[i].Value = r.Time.Unix(), uint32(r.Quantity), r.Steps
		all[i] = &backing[i]
	}
	return all
}

func samples(decoded []measurement.Sample) []*ingestv1.Sample {
	backing := make([]ingestv1.Sample, len(decoded))
	all := make([]*ingestv1.Sample, len(decoded))
	for i, s := range decoded {
		p := &backing[i]
		p.TimeS = s.Time.Unix()
		p.Co2Ppm = uint32(s.CO2PPM)
		if s.TemperatureDecicelsius.Known {
			p.TemperatureDecicelsius = new(int32(s.TemperatureDecicelsius.Value))
		}
		if s.RelHumidityPercent.Known {
			p.RelHumidityPercent = new(uint32(s.RelHumidityPercent.Value))
		}
		p.Status = status(s.Status)
		all[i] = p
	}
	return all
}

func status(s measurement.Status) ingestv1.MeasurementStatus {
	switch s {
	case measurement.Repeated:
		return ingestv1.MeasurementStatus_MEASUREMENT_STATUS_REPEATED
	case measurement.Faulty:
		return ingestv1.MeasurementStatus_MEASUREMENT_STATUS_ERROR
	default:
		return ingestv1.MeasurementStatus_MEASUREMENT_STATUS_MEASURED
	}
}

// Metadata returns how an uplink came, and what it says about its battery.
func Metadata(u *lorawan.Uplink, d codec.Decoder, m codec.Message, source ingestv1.Source) *ingestv1.UplinkMetadata {
	md := &ingestv1.UplinkMetadata{
		DevEui:      uint64(u.DevEUI),
		DeviceId:    strings.ToValidUTF8(u.DeviceID[:min(len(u.DeviceID), keeping.MaxDeviceID)], ""),
		Protocol:    d.Protocol(),
		Application: strings.ToValidUTF8(u.Application, ""),
		FCnt:        &u.FCnt,
		Source:      source,
	}
	if len(md.Application) > keeping.MaxApplication {
		md.Application = "" // cut, it would be another one
	}
	if u.FPort != 0 {
		md.FPort = new(uint32(u.FPort))
	}
	if !u.ReceivedAt.IsZero() {
		md.ReceivedAt = timestamppb.New(u.ReceivedAt)
	}
	if u.DataRateIndex != nil {
		md.DataRateIndex = new(uint32(*u.DataRateIndex))
	}
	if u.DataRate.Known() {
		md.SpreadingFactor, md.BandwidthKhz = new(uint32(u.DataRate.SpreadingFactor)), new(uint32(u.DataRate.BandwidthKHz))
	}
	if u.FrequencyHz != 0 {
		md.FrequencyHz = new(u.FrequencyHz)
	}
	if u.Gateways != 0 {
		md.Gateways = new(uint32(u.Gateways))
	}
	if r := u.Reception; r != nil {
		md.RssiDbm, md.SnrDb = new(int32(r.RSSIdBm)), &r.SNRdB
	}
	switch {
	case m.BatteryPercent.Known:
		md.BatteryPercent = new(uint32(m.BatteryPercent.Value))
	case u.BatteryPercent != nil:
		md.BatteryPercent = new(uint32(*u.BatteryPercent))
	}
	if m.BatteryMillivolts.Known {
		md.BatteryMillivolts = new(uint32(m.BatteryMillivolts.Value))
	}
	return md
}

// OutcomeName is an outcome in lower case, as in metrics: "stored", "duplicate" ...
func OutcomeName(o ingestv1.Outcome) string {
	return strings.ToLower(strings.TrimPrefix(o.String(), "OUTCOME_"))
}
