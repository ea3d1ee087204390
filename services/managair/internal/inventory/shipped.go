package inventory

import (
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/codec/oy1210"
)

// Shipped is a kind of sensor that we have a codec for.
type Shipped struct {
	Protocol string
	Model    Model
}

// ShippedSensors are the kinds of sensors that may be registered without anybody having
// described them.
var ShippedSensors = []Shipped{
	{clairchen.Protocol, Model{Name: "Clairchen", TradeName: "Clairchen", Manufacturer: "Clair Berlin", SensorType: "Sensirion SCD30"}},
	{elsys.Protocol, Model{Name: "ELSYS ERS CO2", TradeName: "ERS CO2", Manufacturer: "ELSYS", SensorType: "NDIR"}},
	{oy1210.Protocol, Model{Name: "Talkpool OY1210", TradeName: "OY1210", Manufacturer: "Talkpool", SensorType: "NDIR"}},
}

// ShippedFirstID is from where on what we describe ourselves is numbered. Below are the ids
// of what people describe, and of what a move from the predecessor brings, whose ids stay and
// have 31 bits.
const ShippedFirstID = 1_000_000_000

// ShippedQuantities are what all of them measure.
var ShippedQuantities = []Quantity{
	{Name: "CO2", BaseUnit: "ppm"}, {Name: "Temperature", BaseUnit: "°C"}, {Name: "Relative humidity", BaseUnit: "%"},
}
