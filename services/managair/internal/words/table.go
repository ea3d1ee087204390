package words

// Tables of measurements for spreadsheets.
var (
	TableCount        = Text{"Messwerte", "Samples"}
	TableFaulty       = Text{"Sensor gestört", "sensor faulty"}
	TableHighest      = Text{"%s, größter", "%s, highest"}
	TableLowest       = Text{"%s, kleinster", "%s, lowest"}
	TableMean         = Text{"%s, Mittel", "%s, mean"}
	TableMeasurements = Text{"Messungen", "Measurements"}
	TableMeasured     = Text{"gemessen", "measured"}
	TableRepeated     = Text{"wiederholt", "repeated"}
	TableSensor       = Text{"Sensor %d", "Sensor %d"}
	TableState        = Text{"Zustand", "State"}
	TableTemperature  = Text{"Temperatur (°C)", "Temperature (°C)"}
	TableTime         = Text{"Zeit", "Time"}
	TableZone         = Text{"Abstand zu UTC", "Offset from UTC"}
)
