package anysensor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/anysensor"
	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/codec/codectest"
	"github.com/clairberlin/clair-stack/pkg/codec/mapping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

func sensor(t testing.TB) codec.Decoder {
	t.Helper()
	d, err := catalog.Find(catalog.AnySensor)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Whole messages of network servers, in the order of what is asked.
func TestDecode(t *testing.T) {
	t.Parallel()
	codectest.Run(t, sensor(t), "testdata")
}

// Nothing that a network server has decoded panics, and samples are in order.
func FuzzDecode(f *testing.F) {
	f.Add(`[{"time":"2026-11-30T08:50:00Z","air":{"co2":600}},{"air":{"co2":"x"}}]`, `{"co2":700,"history":[{"timestamp":1,"co2":5}]}`, "milesight-iot/am307", "", uint8(85), []byte{1})
	f.Add(``, `{"vdd":3600}`, "elsys/ers", "", uint8(5), []byte{1, 0, 226, 2, 41, 6, 2, 213})
	f.Add(`[1,{"air":2}]`, `{"co2_concentration":{"value":455}}`, "", "decentlab", uint8(0), []byte{})
	d := sensor(f)
	f.Fuzz(func(t *testing.T, normalized, decoded, profile, tag string, port uint8, payload []byte) {
		if normalized != "" && !gjson.Valid(normalized) || decoded != "" && !gjson.Valid(decoded) {
			return // no envelope has it
		}
		m, err := d.Decode(&lorawan.Uplink{
			DevEUI: 1, FPort: port, Payload: payload, ReceivedAt: at, Profile: profile, Mapping: tag, Normalized: normalized, Decoded: decoded,
		})
		if err != nil {
			if _, ok := errors.AsType[*codec.Error](err); !ok {
				t.Fatalf("the error is a %T, want a *codec.Error: %v", err, err)
			}
			return
		}
		for i, s := range m.Samples {
			if i > 0 && !s.Time.After(m.Samples[i-1].Time) {
				t.Errorf("sample %d at %v is not after the one before, at %v", i, s.Time, m.Samples[i-1].Time)
			}
		}
	})
}

var at = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)

func reading(id quantity.ID, steps int32) quantity.Reading {
	return quantity.Reading{Time: at, Value: quantity.Value{Quantity: id, Steps: steps}}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	const normalized = `[{"air":{"temperature":20.5,"relativeHumidity":40}}]`
	ers := []byte{1, 0, 226, 2, 41, 6, 2, 213, 1, 0, 225, 2, 40, 6, 2, 198}
	co2 := func(ppm, temperature int) measurement.Sample {
		return measurement.Sample{Time: at, CO2PPM: ppm, TemperatureDecicelsius: measurement.Known(temperature), RelHumidityPercent: measurement.Known(40), Status: measurement.Measured}
	}
	for _, tt := range []struct {
		name   string
		uplink lorawan.Uplink
		want   codec.Message
		why    string // of the error
	}{
		{
			"normalized alone",
			lorawan.Uplink{Normalized: normalized},
			codec.Message{By: "normalized", Readings: []quantity.Reading{reading(quantity.Temperature, 205), reading(quantity.RelHumidity, 40)}},
			"",
		},
		{
			"normalized before the mapping, which adds what that does not have",
			lorawan.Uplink{Normalized: normalized, Profile: "milesight-iot/am307", Decoded: `{"temperature":99,"co2":700,"pressure":1000}`},
			codec.Message{By: "normalized", Samples: []measurement.Sample{co2(700, 205)}, Readings: []quantity.Reading{reading(quantity.Pressure, 10000)}},
			"",
		},
		{
			"the mapping where nothing is normalized",
			lorawan.Uplink{Normalized: `[{"soil":{"moisture":1}}]`, Profile: "Milesight AM307", Decoded: `{"temperature":20.5,"humidity":40,"co2":700}`},
			codec.Message{By: "mapping", Samples: []measurement.Sample{co2(700, 205)}},
			"",
		},
		{
			"by the tag of ChirpStack",
			lorawan.Uplink{Mapping: "milesight-am307", Decoded: `{"temperature":20.5,"humidity":40,"co2":700}`},
			codec.Message{By: "mapping", Samples: []measurement.Sample{co2(700, 205)}},
			"",
		},
		{
			"a codec that knows more is asked first",
			lorawan.Uplink{Normalized: normalized, Profile: "elsys/ers-co2", FPort: 5, Payload: ers, Decoded: `{"temperature":22.5,"humidity":40,"co2":710}`},
			codec.Message{By: "codec", Samples: []measurement.Sample{
				{Time: at.Add(-326 * time.Second), CO2PPM: 710, TemperatureDecicelsius: measurement.Known(225), RelHumidityPercent: measurement.Known(40), Status: measurement.Measured},
				{Time: at, CO2PPM: 725, TemperatureDecicelsius: measurement.Known(226), RelHumidityPercent: measurement.Known(41), Status: measurement.Measured},
			}},
			"",
		},
		{
			"and what it cannot read is read by the others",
			lorawan.Uplink{Normalized: normalized, Profile: "elsys/ers-co2", FPort: 5, Payload: []byte{0x3F}, Decoded: `{"co2":710}`},
			codec.Message{By: "mapping", Samples: []measurement.Sample{co2(710, 205)}},
			"",
		},
		{
			"or told",
			lorawan.Uplink{Profile: "elsys/ers-co2", FPort: 5, Payload: []byte{0x3F}},
			codec.Message{},
			"format: unknown record type 0x3f",
		},
		{
			"no profile",
			lorawan.Uplink{FPort: 1, Payload: []byte{1}},
			codec.Message{},
			"decoder: the network server names no profile of the device, and no mapping is set for it; the network server has decoded nothing",
		},
		{
			"an unknown profile",
			lorawan.Uplink{Profile: "acme/one", Decoded: `{"co2":1,"temp":{"x":2}}`},
			codec.Message{},
			`decoder: no mapping has the profile "acme/one"; the network server has decoded: co2, temp`,
		},
		{
			"an unknown tag",
			lorawan.Uplink{Mapping: "acme"},
			codec.Message{},
			`decoder: there is neither a mapping nor a codec "acme"; the network server has decoded nothing`,
		},
		{
			"nothing is decoded there",
			lorawan.Uplink{Profile: "milesight-iot/am307", Payload: []byte{1}},
			codec.Message{},
			"decoder: mapping milesight-am307 reads what the network server has decoded, and it has decoded nothing: choose a payload formatter (codec) there",
		},
		{
			"a mapping that finds nothing",
			lorawan.Uplink{Profile: "milesight-iot/am307", FPort: 85, Decoded: `{"sn":"67"}`},
			codec.Message{},
			"content: mapping milesight-am307 finds nothing on port 85; the network server has decoded: sn",
		},
		{
			"only what is no number",
			lorawan.Uplink{Profile: "milesight-iot/am307", FPort: 85, Decoded: `{"co2":"high"}`},
			codec.Message{},
			`content: /co2 (co2_ppm): "\"high\"" is no number`,
		},
		{
			"the battery alone, where the rest cannot be read",
			lorawan.Uplink{Profile: "milesight-iot/am307", FPort: 85, Decoded: `{"co2":"n/a","battery":90}`},
			codec.Message{},
			`content: /co2 (co2_ppm): "\"n/a\"" is no number`,
		},
		{
			"the battery alone, where the rest stands elsewhere",
			lorawan.Uplink{Profile: "milesight-iot/am307", FPort: 85, Decoded: `{"carbon":700,"battery":90}`},
			codec.Message{},
			"content: mapping milesight-am307 finds only the battery on port 85; the network server has decoded: carbon, battery",
		},
		{
			"the battery alone, where the mapping says that there is no more",
			lorawan.Uplink{Profile: "milesight-iot/am307", FPort: 85, Decoded: `{"ipso_version":"v0.1","battery":90}`},
			codec.Message{By: "mapping", BatteryPercent: measurement.Known(90)},
			"",
		},
		{
			"no more, as the mapping says, and yet something that cannot be read",
			lorawan.Uplink{Profile: "milesight-iot/am307", FPort: 85, Decoded: `{"ipso_version":"v0.1","battery":90,"co2":"n/a"}`},
			codec.Message{},
			`content: /co2 (co2_ppm): "\"n/a\"" is no number`,
		},
		{
			"a tag that names nothing, beside a profile that is known",
			lorawan.Uplink{Mapping: "acme", Profile: "Milesight AM307", Decoded: `{"temperature":20.5,"humidity":40,"co2":700}`},
			codec.Message{
				By: "mapping", Samples: []measurement.Sample{co2(700, 205)},
				Note: `its tag clair_mapping is "acme", and there is neither a mapping nor a codec of that name: read by its profile "Milesight AM307"`,
			},
			"",
		},
		{
			"and if that finds nothing",
			lorawan.Uplink{Mapping: "acme", Profile: "Milesight AM307", FPort: 85, Decoded: `{"sn":"67"}`},
			codec.Message{},
			`content: mapping milesight-am307 finds nothing on port 85; the network server has decoded: sn; its tag clair_mapping is "acme", and there is neither a mapping nor a codec of that name: read by its profile "Milesight AM307"`,
		},
		{
			"a tag that names a codec",
			lorawan.Uplink{Mapping: "elsys", Profile: "Milesight AM307", FPort: 5, Payload: ers[:8]},
			codec.Message{By: "codec", Samples: []measurement.Sample{
				{Time: at, CO2PPM: 725, TemperatureDecicelsius: measurement.Known(226), RelHumidityPercent: measurement.Known(41), Status: measurement.Measured},
			}},
			"",
		},
		{
			"a message without measurements",
			lorawan.Uplink{Profile: "milesight-iot/am307", FPort: 85, Decoded: `{"ipso_version":"v0.1"}`},
			codec.Message{},
			"",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.uplink.ReceivedAt = at
			got, err := sensor(t).Decode(&tt.uplink)
			if err != nil {
				if _, ok := errors.AsType[*codec.Error](err); !ok || err.Error() != tt.why {
					t.Errorf("got the error %v, want %q", err, tt.why)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || tt.why != "" {
				t.Errorf("want the error %q, or (-want +got):\n%s", tt.why, diff)
			}
		})
	}
}

// Whichever way uplinks are read, the node is the same.
func TestNodesDoNotChangeWithTheirCodec(t *testing.T) {
	t.Parallel()
	if got := sensor(t).Protocol(); got != "LORAWAN" {
		t.Errorf("got %q, want LORAWAN", got)
	}
}

func TestNamesThatThereAreNot(t *testing.T) {
	t.Parallel()
	set := mapping.Ready()
	set.Assign("hall", "elsis")
	_, err := anysensor.New(set, nil)
	for _, want := range []string{`there is neither a mapping nor a codec "elsis"`, `mapping talkpool-oy1210: /codec: there is no codec "oy1210"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s in it", err, want)
		}
	}
}

// BenchmarkRead is what reading an uplink takes, envelope included; "codec" is the floor: the same
// envelope with the smallest payload of ours.
func BenchmarkRead(b *testing.B) {
	app := ttn.Application{ID: "a", Tenant: "ttn"}
	one := lorawan.Uplink{
		DevEUI: 1, DeviceID: "node-1", FCnt: 7, ReceivedAt: at, DataRate: lorawan.SF9BW125, Reception: &lorawan.Reception{RSSIdBm: -80, SNRdB: 7.5},
	}
	mapped, native := one, one
	mapped.FPort, mapped.Payload, mapped.Profile = 85, []byte{1, 0x75, 92}, "milesight-iot/am307"
	mapped.Decoded = `{"battery":92,"co2":1255,"humidity":62,"light_level":2,"pir":"trigger","pressure":1022.8,"temperature":23.8,"tvoc":100}`
	native.FPort, native.Payload = clairchen.FPort, []byte{2, 0x1B, 0xE4, 0x1A, 0xE4, 0x19, 0xE3}
	for _, bb := range []struct {
		name    string
		uplink  lorawan.Uplink
		decoder codec.Decoder
	}{{"mapped", mapped, sensor(b)}, {"codec", native, clairchen.Decoder{}}} {
		b.Run(bb.name, func(b *testing.B) {
			message := ttn.EncodeUplink(app, &bb.uplink)
			b.ReportAllocs()
			for b.Loop() {
				u, err := ttn.ParseUplink(message, at)
				if err != nil {
					b.Fatal(err)
				}
				if m, err := bb.decoder.Decode(&u); err != nil || len(m.Samples) == 0 {
					b.Fatal(m, err)
				}
			}
		})
	}
}
