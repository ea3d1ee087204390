package mapping_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/mapping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/quantity"
)

// head is what each document begins with.
const head = `"form":1,"name":"a","version":1,"title":"A","source":{"url":"https://a.example","licence":"MIT"}`

var received = time.Date(2026, 11, 30, 9, 0, 0, 4e8, time.UTC)

// lines are what a message says, a value each: "seconds before the reception, quantity, value".
func lines(m codec.Message) []string {
	all := []string{}
	for _, s := range m.Samples {
		line := fmt.Sprintf("%d co2 %d", received.Unix()-s.Time.Unix(), s.CO2PPM)
		if s.TemperatureDecicelsius.Known {
			line += fmt.Sprintf(" t %d", s.TemperatureDecicelsius.Value)
		}
		if s.RelHumidityPercent.Known {
			line += fmt.Sprintf(" h %d", s.RelHumidityPercent.Value)
		}
		all = append(all, line)
	}
	for _, r := range m.Readings {
		q, _ := quantity.ByID(r.Quantity)
		all = append(all, fmt.Sprintf("%d %s %s", received.Unix()-r.Time.Unix(), q.Name, q.Append(nil, int(r.Steps))))
	}
	if m.BatteryMillivolts.Known {
		all = append(all, fmt.Sprintf("battery %d mV", m.BatteryMillivolts.Value))
	}
	if m.BatteryPercent.Known {
		all = append(all, fmt.Sprintf("battery %d %%", m.BatteryPercent.Value))
	}
	if m.Unread != nil {
		all = append(all, m.Unread.Error())
	}
	return all
}

func TestApply(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, document, decoded string
		port                    uint8
		want                    []string
		silent                  bool
	}{
		{
			"CO2 makes a sample with what is of its time", `"blocks":[{"fields":[
				{"quantity":"co2_ppm","pointer":"/co2"},{"quantity":"temperature_celsius","pointer":"/t"},
				{"quantity":"rel_humidity_percent","pointer":"/h"},{"quantity":"pressure_hpa","pointer":"/p"}]}]`,
			`{"h":41.5,"t":21.44,"co2":612.4,"p":1013.24}`, 85,
			[]string{"0 co2 612 t 214 h 42", "0 pressure_hpa 1013.2"},
			false,
		},
		{
			"without it all are readings", `"blocks":[{"fields":[{"quantity":"rel_humidity_percent","pointer":"/h"},{"quantity":"temperature_celsius","pointer":"/t"}]}]`,
			`{"h":41,"t":-3.25}`, 1,
			[]string{"0 temperature_celsius -3.3", "0 rel_humidity_percent 41"},
			false,
		},
		{
			"factor and offset", `"blocks":[{"fields":[{"quantity":"temperature_celsius","pointer":"/f","factor":0.5,"offset":-10}]}]`,
			`{"f":60}`, 1,
			[]string{"0 temperature_celsius 20.0"},
			false,
		},
		{
			"numbers as texts", `"blocks":[{"fields":[{"quantity":"temperature_celsius","pointer":"/t"},{"quantity":"light_lux","pointer":"/l"}]}]`,
			`{"t":" 21.50","l":"1e3"}`, 1,
			[]string{"0 temperature_celsius 21.5", "0 light_lux 1000"},
			false,
		},
		{
			"what is no number is told, and costs nothing beside it", `"blocks":[{"fields":[{"quantity":"co2_ppm","pointer":"/co2"},
				{"quantity":"temperature_celsius","pointer":"/t"},{"quantity":"rel_humidity_percent","pointer":"/h"},{"quantity":"light_lux","pointer":"/l"}]}]`,
			`{"co2":500,"t":"NaN","h":{"a":1},"l":"0x10"}`, 1,
			[]string{
				"0 co2 500", `content: /t (temperature_celsius): "\"NaN\"" is no number; /h (rel_humidity_percent): "{\"a\":1}" is no number; /l (light_lux): "\"0x10\"" is no number`,
			},
			false,
		},
		{
			"so is what cannot be kept", `"blocks":[{"fields":[{"quantity":"co2_ppm","pointer":"/co2"},{"quantity":"pressure_hpa","pointer":"/p"},{"quantity":"light_lux","pointer":"/l"}]}]`,
			`{"co2":-1,"p":1e300,"l":1e999}`, 1,
			[]string{
				`content: /co2 (co2_ppm): -1 cannot be kept; /p (pressure_hpa): 1e+300 cannot be kept; /l (light_lux): "1e999" is no number`,
			},
			false,
		},
		{
			"values out of range are handed on, for the ingestair keeps them aside", `"blocks":[{"fields":[{"quantity":"pressure_hpa","pointer":"/p"},{"quantity":"co2_ppm","pointer":"/co2"}]}]`,
			`{"p":6553.5,"co2":65535}`, 1,
			[]string{"0 co2 65535", "0 pressure_hpa 6553.5"},
			false,
		},
		{
			"codes for no value", `"blocks":[{"fields":[{"quantity":"external_temperature_celsius","pointer":"/x","none":[327.67,"NoSensor"]},{"quantity":"no2_ppb","pointer":"/n","none":["NoSensor"]}]}]`,
			`{"x":327.67,"n":"NoSensor"}`, 1,
			[]string{},
			false,
		},
		{
			"words for numbers", `"blocks":[{"fields":[{"quantity":"motion_count","pointer":"/m","words":{"true":1,"false":0}},{"quantity":"people_count","pointer":"/p","words":{"none":0}}]}]`,
			`{"m":true,"p":"none"}`, 1,
			[]string{"0 motion_count 1", "0 people_count 0"},
			false,
		},
		{
			"null and nothing are no values", `"blocks":[{"fields":[{"quantity":"co2_ppm","pointer":"/co2"},{"quantity":"light_lux","pointer":"/a/b/c"}]}]`,
			`{"co2":null,"a":{"b":7}}`, 1,
			[]string{},
			false,
		},
		{
			"batteries are told as the node's state", `"blocks":[{"fields":[{"quantity":"battery_millivolts","pointer":"/v","factor":1000},{"quantity":"battery_percent","pointer":"/p"}]}]`,
			`{"v":3.6,"p":92}`, 1,
			[]string{"battery 3600 mV", "battery 92 %"},
			false,
		},
		{
			"a list whose elements say what they are", `"blocks":[
				{"list":"/messages","when":[{"pointer":"/id","equals":4100}],"fields":[{"quantity":"co2_ppm","pointer":"/value"}]},
				{"list":"/messages","when":[{"pointer":"/id","equals":4097}],"fields":[{"quantity":"temperature_celsius","pointer":"/value"}]}]`,
			`{"messages":[{"id":4097,"value":21.5},{"id":4100,"value":700},{"id":9,"value":1}]}`, 1,
			[]string{"0 co2 700 t 215"},
			false,
		},
		{
			"history with absolute times, the oldest first", `"blocks":[
				{"fields":[{"quantity":"co2_ppm","pointer":"/co2"}]},
				{"list":"/history","time":{"pointer":"/at","as":"unix_s"},"fields":[{"quantity":"co2_ppm","pointer":"/co2"},{"quantity":"light_lux","pointer":"/lux"}]}]`,
			fmt.Sprintf(`{"co2":600,"history":[{"at":%d,"co2":590,"lux":3},{"at":%d,"co2":580}]}`, received.Unix()-600, received.Unix()-1200),
			1,
			[]string{"1200 co2 580", "600 co2 590", "0 co2 600", "600 light_lux 3"},
			false,
		},
		{
			"other clocks", `"blocks":[
				{"list":"/a","time":{"pointer":"/at","as":"unix_ms"},"fields":[{"quantity":"light_lux","pointer":"/l"}]},
				{"list":"/b","time":{"pointer":"/at","as":"rfc3339"},"fields":[{"quantity":"light_lux","pointer":"/l"}]},
				{"list":"/c","time":{"pointer":"/at","as":"age_s"},"fields":[{"quantity":"light_lux","pointer":"/l"}]},
				{"list":"/d","time":{"pointer":"/at","as":"age_min"},"fields":[{"quantity":"light_lux","pointer":"/l"}]}]`,
			fmt.Sprintf(`{"a":[{"at":%d,"l":1}],"b":[{"at":"2026-11-30T09:58:00+01:00","l":2}],"c":[{"at":"60","l":3}],"d":[{"at":5,"l":4}]}`, received.UnixMilli()-30_000),
			1,
			[]string{"300 light_lux 4", "120 light_lux 2", "60 light_lux 3", "30 light_lux 1"},
			false,
		},
		{
			"values whose time cannot be read are not taken", `"blocks":[
				{"list":"","time":{"pointer":"/at","as":"rfc3339"},"fields":[{"quantity":"light_lux","pointer":"/l"}]}]`,
			`[{"l":1},{"at":"yesterday","l":2},{"at":"2026-11-30T09:00:00Z","l":3}]`,
			1,
			[]string{"0 light_lux 3", `content: /at: the values have no time; /at: "\"yesterday\"" is no time as in RFC 3339`},
			false,
		},
		{
			"but for those that may have none", `"blocks":[{"list":"","time":{"pointer":"/at","as":"unix_s","optional":true},"fields":[{"quantity":"light_lux","pointer":"/l"}]}]`,
			`[{"l":1},{"at":1e300,"l":2}]`, 1,
			[]string{"0 light_lux 1", `content: /at: "1e300" is no time`},
			false,
		},
		{
			"of two values of one time the first counts, and the other is told", `"blocks":[{"list":"/a","fields":[{"quantity":"light_lux","pointer":"/l"}]}]`,
			`{"a":[{"l":1},{"l":1},{"l":2}]}`, 1,
			[]string{"0 light_lux 1", "content: /l (light_lux): another value of the same time stands before it"},
			false,
		},
		{
			"ports", `"blocks":[{"f_ports":[2],"fields":[{"quantity":"light_lux","pointer":"/l"}]},{"f_ports":[3,4],"fields":[{"quantity":"light_lux","pointer":"/m"}]}]`,
			`{"l":1,"m":2}`, 4,
			[]string{"0 light_lux 2"},
			false,
		},
		{
			"what is no list is told", `"blocks":[{"list":"/a","fields":[{"quantity":"light_lux","pointer":"/l"}]}]`,
			`{"a":{"l":1}}`, 1,
			[]string{"content: /a: it is no list"},
			false,
		},
		{
			"messages that have nothing", `"silent":[{"f_ports":[6]},{"when":[{"pointer":"/type","equals":"boot"}]}],"blocks":[{"fields":[{"quantity":"light_lux","pointer":"/l"}]}]`,
			`{"type":"boot"}`, 1,
			[]string{},
			true,
		},
		{
			"pointers as RFC 6901 writes them", `"blocks":[{"fields":[{"quantity":"light_lux","pointer":"/a~1b/m~0n/1"},{"quantity":"people_count","pointer":"/a~1b/m~0n/01"},{"quantity":"motion_count","pointer":"/"}]}]`,
			`{"a/b":{"m~n":[7,8]},"":5}`, 1,
			[]string{"0 light_lux 8", "0 motion_count 5"},
			false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := mapping.Parse([]byte("{" + head + "," + tt.document + "}"))
			if err != nil {
				t.Fatal(err)
			}
			var v mapping.Values
			d.Apply(&v, &lorawan.Uplink{FPort: tt.port, ReceivedAt: received}, tt.decoded)
			got := lines(v.Message())
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if v.Silent() != tt.silent {
				t.Errorf("silent is %t, want %t", v.Silent(), tt.silent)
			}
		})
	}
}

// What one document has found, another one does not find again, at no time.
func TestApplyAfterAnother(t *testing.T) {
	t.Parallel()
	parse := func(s string) *mapping.Document {
		d, err := mapping.Parse([]byte("{" + head + "," + s + "}"))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := parse(`"blocks":[{"time":{"pointer":"/at","as":"age_s"},"fields":[{"quantity":"temperature_celsius","pointer":"/t"},{"quantity":"battery_percent","pointer":"/b"}]}]`)
	second := parse(`"blocks":[{"fields":[{"quantity":"temperature_celsius","pointer":"/t"},{"quantity":"co2_ppm","pointer":"/c"},{"quantity":"battery_percent","pointer":"/b"}]}]`)
	var v mapping.Values
	u := &lorawan.Uplink{ReceivedAt: received}
	first.Apply(&v, u, `{"at":60,"t":20,"b":90}`)
	second.Apply(&v, u, `{"t":21,"c":700,"b":10}`)
	if diff := cmp.Diff([]string{"0 co2 700", "60 temperature_celsius 20.0", "battery 90 %"}, lines(v.Message())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A list may be longer than what an uplink can have; what is cut off is told.
func TestApplyTellsWhatItCutsOff(t *testing.T) {
	t.Parallel()
	d, err := mapping.Parse([]byte("{" + head + `,"blocks":[{"list":"/a","time":{"pointer":"/at","as":"age_s"},"fields":[{"quantity":"light_lux","pointer":"/l"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		elements int
		unread   string
	}{
		{1024, ""},
		{1025, "content: /a: an uplink has at most 1024 values"},
		{1100, "content: /a: an uplink has at most 1024 values"},
	} {
		var list []string
		for i := range tt.elements {
			list = append(list, fmt.Sprintf(`{"at":%d,"l":1}`, i))
		}
		var v mapping.Values
		d.Apply(&v, &lorawan.Uplink{FPort: 1, ReceivedAt: received}, `{"a":[`+strings.Join(list, ",")+`]}`)
		m := v.Message()
		unread := ""
		if m.Unread != nil {
			unread = m.Unread.Error()
		}
		if len(m.Readings) != 1024 || unread != tt.unread {
			t.Errorf("of %d elements: got %d values, unread %q, want 1024 and %q", tt.elements, len(m.Readings), unread, tt.unread)
		}
	}
}

func TestParseTellsWhereItIsWrong(t *testing.T) {
	t.Parallel()
	const fields = `"fields":[{"quantity":"light_lux","pointer":"/l"}]`
	for _, tt := range []struct{ name, document, want string }{
		{"no JSON", `{`, `invalid it is no JSON`},
		{"two documents", `{} {}`, `invalid it is no JSON`},
		{"not UTF-8", "{\"form\":\"\xff\"}", `invalid it is no JSON`},
		{"too long", `"` + strings.Repeat("a", mapping.MaxBytes) + `"`, fmt.Sprintf(`max_length more than %d bytes`, mapping.MaxBytes)},
		{"a list", `[]`, `invalid an object is expected`},
		{"empty", `{}`, `/form: required it is missing; /name: required it is missing; /version: required it is missing; /title: required it is missing; /source: required it is missing`},
		{"another form", strings.Replace("{"+head+`,"codec":"elsys"}`, `"form":1`, `"form":2`, 1), `/form: invalid a whole number from 1 to 1 is expected`},
		{"nothing to read by", "{" + head + "}", `/blocks: required there are neither blocks nor a codec`},
		{"a misspelt member", "{" + head + `,"blocks":[{` + fields + `,"f_port":[1]}]}`, `/blocks/0/f_port: invalid there is no such member`},
		{"a member with a slash", "{" + head + `,"codec":"elsys","a/b~":1}`, `/a~1b~0: invalid there is no such member`},
		{"twice", "{" + head + `,"codec":"elsys","codec":"oy1210"}`, `/codec: invalid it stands there twice`},
		{"an unknown quantity", "{" + head + `,"blocks":[{` + fields + `},{"fields":[{"quantity":"light_lux","pointer":""},{"quantity":"co2","pointer":"/c"}]}]}`, `/blocks/1/fields/1/quantity: invalid_choice there is no such quantity`},
		{"no pointer", "{" + head + `,"blocks":[{"fields":[{"quantity":"light_lux","pointer":"l"}]}]}`, `/blocks/0/fields/0/pointer: invalid a JSON pointer begins with a slash`},
		{"a wrong tilde", "{" + head + `,"blocks":[{"fields":[{"quantity":"light_lux","pointer":"/a~2"}]}]}`, `/blocks/0/fields/0/pointer: invalid in a JSON pointer, ~ is written ~0`},
		{"a deep pointer", "{" + head + `,"blocks":[{"fields":[{"quantity":"light_lux","pointer":"` + strings.Repeat("/a", 17) + `"}]}]}`, `/blocks/0/fields/0/pointer: invalid it is too long`},
		{
			"factor", "{" + head + `,"blocks":[{"fields":[{"quantity":"light_lux","pointer":"/l","factor":0},{"quantity":"light_lux","pointer":"/l","factor":"1"},{"quantity":"light_lux","pointer":"/l","offset":1e999}]}]}`,
			`/blocks/0/fields/0/factor: invalid a factor of 0 would make every value the same; /blocks/0/fields/1/factor: invalid a number is expected; /blocks/0/fields/2/offset: invalid a number is expected`,
		},
		{"no fields", "{" + head + `,"blocks":[{"fields":[]},{}]}`, `/blocks/0/fields: required a block needs fields; /blocks/1/fields: required it is missing; /blocks/1/fields: required a block needs fields`},
		{
			"ports", "{" + head + `,"blocks":[{"f_ports":[0,256,1.5,"1"],` + fields + `}]}`,
			`/blocks/0/f_ports/0: invalid a whole number from 1 to 255 is expected; /blocks/0/f_ports/1: invalid a whole number from 1 to 255 is expected; /blocks/0/f_ports/2: invalid a whole number from 1 to 255 is expected; /blocks/0/f_ports/3: invalid a whole number from 1 to 255 is expected`,
		},
		{"time", "{" + head + `,"blocks":[{"time":{"as":"iso"},` + fields + `}]}`, `/blocks/0/time/as: invalid_choice want one of [unix_s unix_ms rfc3339 age_s age_min]; /blocks/0/time/pointer: required it is missing`},
		{"when", "{" + head + `,"blocks":[{"when":[{"pointer":"/a","equals":null}],` + fields + `}]}`, `/blocks/0/when/0/equals: invalid a text, a number, true or false is expected`},
		{"all is silent", "{" + head + `,"codec":"elsys","silent":[{}]}`, `/silent/0: required it must say which uplinks have no measurements: f_ports, when`},
		{"name", strings.Replace("{"+head+`,"codec":"E"}`, `"name":"a"`, `"name":"../a"`, 1), `/name: invalid a name of small letters, digits and hyphens is expected; /codec: invalid a name of small letters, digits and hyphens is expected`},
		{
			"words", "{" + head + `,"blocks":[{"fields":[{"quantity":"light_lux","pointer":"/l","words":{"on":1,"on":2}},{"quantity":"light_lux","pointer":"/l","words":{"on":"1"}}]}]}`,
			`/blocks/0/fields/0/words/on: invalid it stands there twice, or there are more than 64; /blocks/0/fields/1/words/on: invalid a number is expected`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := mapping.Parse([]byte(tt.document))
			if _, ok := errors.AsType[mapping.Problems](err); !ok || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// Nothing that a network server may say panics, and what is told of it can be handed on.
func FuzzApply(f *testing.F) {
	f.Add([]byte("{"+head+`,"blocks":[{"list":"/a","time":{"pointer":"/at","as":"unix_s"},"fields":[{"quantity":"co2_ppm","pointer":"/c"},{"quantity":"temperature_celsius","pointer":"/t","factor":0.1}]}]}`),
		[]byte(`{"a":[{"at":1764493200,"c":500,"t":215},{"at":1,"c":"600"}]}`), uint8(1))
	f.Add([]byte("{"+head+`,"silent":[{"f_ports":[2]}],"blocks":[{"fields":[{"quantity":"motion_count","pointer":"/0/m","words":{"true":1}},{"quantity":"battery_percent","pointer":"/1"}]}]}`),
		[]byte(`[{"m":true},99]`), uint8(2))
	f.Fuzz(func(t *testing.T, document, decoded []byte, port uint8) {
		d, err := mapping.Parse(document)
		if err != nil {
			if problems, ok := errors.AsType[mapping.Problems](err); !ok || len(problems) == 0 {
				t.Fatalf("the error is %#v, want Problems", err)
			}
			return
		}
		if !gjson.ValidBytes(decoded) {
			return // no envelope has it
		}
		var v mapping.Values
		d.Apply(&v, &lorawan.Uplink{FPort: port, ReceivedAt: received}, string(decoded))
		m := v.Message()
		for i, s := range m.Samples {
			if i > 0 && !s.Time.After(m.Samples[i-1].Time) || s.Time.Nanosecond() != 0 || s.CO2PPM < 0 {
				t.Errorf("sample %d is %+v, after %+v", i, s, m.Samples[max(i-1, 0)])
			}
		}
		for i, r := range m.Readings {
			if _, ok := quantity.ByID(r.Quantity); !ok || r.Time.Nanosecond() != 0 || i > 0 && r.Time.Before(m.Readings[i-1].Time) {
				t.Errorf("reading %d is %+v, after %+v", i, r, m.Readings[max(i-1, 0)])
			}
		}
	})
}

func BenchmarkApply(b *testing.B) {
	d := mapping.Ready().Document("decentlab")
	u := &lorawan.Uplink{FPort: 1, ReceivedAt: received}
	const decoded = `{"protocol_version":2,"device_id":3005,"battery_voltage":{"displayName":"Battery voltage","value":2.962,"unit":"V"},"air_temperature":{"displayName":"Air temperature","value":27.67833981841764,"unit":"°C"},"air_humidity":{"displayName":"Air humidity","value":36.438544289311054,"unit":"%"},"barometric_pressure":{"displayName":"Barometric pressure","value":96412,"unit":"Pa"},"illuminance":{"displayName":"Illuminance","value":678.76512,"unit":"lx"},"co2_concentration":{"displayName":"CO2 concentration","value":455,"unit":"ppm"},"activity_counter":{"displayName":"Activity counter","value":11},"total_voc":{"displayName":"Total VOC","value":273,"unit":"ppb"}}`
	b.ReportAllocs()
	for b.Loop() {
		var v mapping.Values
		d.Apply(&v, u, decoded)
		if v.Count() != 8 {
			b.Fatal(v.Message())
		}
	}
}
