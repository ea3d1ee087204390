package inventory

import (
	"github.com/clairberlin/clair-stack/pkg/codec/anysensor"
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/codec/oy1210"
	"github.com/clairberlin/clair-stack/pkg/verdict"
)

// Shipped is a kind of sensor that we can read.
type Shipped struct {
	Protocol string
	Model    Model
	// Sensor is what is known of how it measures CO2; its interval depends on settings.
	Sensor verdict.Sensor
}

// ShippedSensors are the kinds of sensors that may be registered without anybody having
// described them.
var ShippedSensors = []Shipped{
	{clairchen.Protocol, Model{Name: "Clairchen", TradeName: "Clairchen", Manufacturer: "Clair Berlin", SensorType: "Sensirion SCD30"}, verdict.Sensor{
		// The payload has a byte in steps of 20 ppm; accuracy: data sheet of the SCD30.
		RangePPM: 5100, ResolutionPPM: 20, AccuracyPPM: 30, AccuracyPercent: 3,
	}},
	{elsys.Protocol, Model{Name: "ELSYS ERS CO2", TradeName: "ERS CO2", Manufacturer: "ELSYS", SensorType: "NDIR"}, verdict.Sensor{
		// Its maker says 0 to 2000 ppm; accuracy: that of the Senseair LP8, of the same range.
		RangePPM: 2000, ResolutionPPM: 1, AccuracyPPM: 50, AccuracyPercent: 3,
	}},
	{oy1210.Protocol, Model{Name: "Talkpool OY1210", TradeName: "OY1210", Manufacturer: "Talkpool", SensorType: "NDIR"}, verdict.Sensor{
		ResolutionPPM: 1, // of the payload; the rest was not to be had with a source
	}},
	// Of sensors that are read by mappings, the model says more; nothing is known of all of them.
	{anysensor.Protocol, Model{Name: "LoRaWAN sensor", TradeName: "LoRaWAN", Manufacturer: "any", SensorType: "as the model has it"}, verdict.Sensor{}},
}

// SensorOf returns what is known of the sensors of a protocol.
func SensorOf(protocol string) verdict.Sensor {
	for _, s := range ShippedSensors {
		if s.Protocol == protocol {
			return s.Sensor
		}
	}
	return verdict.Sensor{}
}

// ShippedFirstID is from where on what we describe ourselves is numbered. Below are the ids
// of what people describe, and of what a move from the predecessor brings, whose ids stay and
// have 31 bits.
const ShippedFirstID = 1_000_000_000

// ShippedQuantities are what all of them measure.
var ShippedQuantities = []Quantity{
	{Name: "CO2", BaseUnit: "ppm"}, {Name: "Temperature", BaseUnit: "°C"}, {Name: "Relative humidity", BaseUnit: "%"},
}
