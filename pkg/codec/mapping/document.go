package mapping

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Form is the number of the form that documents have.
const Form = 1

// CO2 is what the CO2 of samples is called, which is beside the catalogue of quantities.
const CO2 = "co2_ppm"

// Bounds of a document. A model has a dozen quantities; what is larger is no mapping.
const (
	MaxBytes    = 64 << 10
	maxBlocks   = 64
	maxFields   = 64 // as many as tree has bits for
	maxProfiles = 200
	maxChoices  = 64
	maxText     = 1000
	maxVersion  = 1_000_000
)

// NamePattern is what names of documents look like.
const NamePattern = "^[a-z0-9][a-z0-9-]{0,59}$"

var nameForm = regexp.MustCompile(NamePattern)

// Document says how the uplinks of a model are read.
type Document struct {
	// Name is what operators call it, Version counts its changes from 1, and Title is for
	// people.
	Name    string
	Version int
	Title   string
	Source  Source
	// Profiles are what network servers call the model: brand/model at The Things Stack, the
	// name of the device profile at ChirpStack. Case does not count.
	Profiles []string
	// First says that it knows more of an uplink than The Things Stack's normalized_payload
	// does, and is asked before: several samples in one message.
	First bool
	// Codec is the name of a codec of ours that reads the bytes; may be empty.
	Codec string
	// Blocks say where values stand, and Silent which uplinks have none that count.
	Blocks []Block
	Silent []Condition
}

// Source is where it is known from how the model's payload is decoded.
type Source struct {
	URL, Licence, Note string
}

// Condition is what an uplink, or an element of a list, must be like.
type Condition struct {
	// FPorts are the frame ports that count; none: all do, as does a port that is not known.
	FPorts []uint8
	// When are values that must stand there, all of them.
	When []Test
}

// Test is a value that must stand somewhere.
type Test struct {
	Pointer Pointer
	// Equals is the value as text: that of a string, a number as it is written, true or false.
	Equals string
}

// Block is a group of values of one time, or a list of such groups.
type Block struct {
	Condition

	// List is where a list stands, each element of which has the fields; the places of Condition.When,
	// Time and Fields are then those of the element. Nil: the fields stand in the document.
	List   *Pointer
	Time   *Time
	Fields []Field

	places *tree
}

// Clock is how a time is written.
type Clock string

// The clocks.
const (
	UnixSeconds      Clock = "unix_s"  // seconds since 1970
	UnixMilliseconds Clock = "unix_ms" // milliseconds since 1970
	RFC3339          Clock = "rfc3339" // 2026-11-30T09:00:00Z
	AgeSeconds       Clock = "age_s"   // seconds before the reception
	AgeMinutes       Clock = "age_min" // minutes before the reception
)

var clocks = []Clock{UnixSeconds, UnixMilliseconds, RFC3339, AgeSeconds, AgeMinutes}

// Time is where the time of the values stands. Without one they were measured when the uplink was
// received.
type Time struct {
	Pointer Pointer
	As      Clock
	// Optional lets values without a time be of the reception. Else they are not taken: a
	// value at a wrong time is worse than none.
	Optional bool
}

// Field is where a value of a quantity stands: value = number * Factor + Offset, in the
// quantity's unit.
type Field struct {
	// Quantity is its name in the catalogue, or CO2. battery_millivolts and battery_percent
	// are told as the node's state, as those of all sensors are.
	Quantity string
	Pointer  Pointer
	Factor   float64
	Offset   float64
	// Words are texts, and true and false, that stand for numbers.
	Words map[string]float64
	// None are what stands there when the sensor has no value: codes, as text like Test.Equals.
	None []string

	of target
}

// target is what becomes of a value.
type target struct {
	quantity.Quantity

	co2 bool
}

// Problems are what is wrong with a document. Field is the place where it is, as a JSON pointer.
type Problems []*fault.Violation

// Error lists all of them.
func (p Problems) Error() string {
	all := make([]string, len(p))
	for i, v := range p {
		all[i] = v.Error()
	}
	return strings.Join(all, "; ")
}

// Parse reads a document. Members that there are not, and those that stand there twice, are
// refused. An error is Problems.
func Parse(content []byte) (*Document, error) {
	var r reader
	switch {
	case len(content) > MaxBytes:
		r.wrong("", reason.MaxLength, "more than %d bytes", MaxBytes)
	case !utf8.Valid(content) || !gjson.ValidBytes(content):
		r.wrong("", reason.Invalid, "it is no JSON")
	default:
		d := r.document("", gjson.ParseBytes(content))
		if len(r.problems) == 0 {
			return d, nil
		}
	}
	return nil, r.problems
}

// reader collects what is wrong.
type reader struct{ problems Problems }

func (r *reader) wrong(at string, why reason.Reason, format string, args ...any) {
	r.problems = append(r.problems, &fault.Violation{Field: at, Reason: why, Detail: fmt.Sprintf(format, args...)})
}

// members reads a member each, at its place.
type members map[string]func(at string, v gjson.Result)

// object reads the members of an object, and tells which of those that there must be are not there.
func (r *reader) object(at string, v gjson.Result, all members, required ...string) {
	if !v.IsObject() {
		r.wrong(at, reason.Invalid, "an object is expected")
		return
	}
	seen := map[string]bool{}
	v.ForEach(func(key, value gjson.Result) bool {
		place := at + "/" + escape.Replace(key.Str)
		read, ok := all[key.Str]
		switch {
		case !ok:
			r.wrong(place, reason.Invalid, "there is no such member")
		case seen[key.Str]:
			r.wrong(place, reason.Invalid, "it stands there twice")
		default:
			read(place, value)
		}
		seen[key.Str] = true
		return len(r.problems) < maxProblems
	})
	for _, name := range required {
		if !seen[name] {
			r.wrong(at+"/"+name, reason.Required, "it is missing")
		}
	}
}

// list reads the elements of a list of at most so many.
func (r *reader) list(at string, v gjson.Result, most int, read func(at string, v gjson.Result)) {
	if !v.IsArray() {
		r.wrong(at, reason.NotAList, "a list is expected")
		return
	}
	n := 0
	v.ForEach(func(_, value gjson.Result) bool {
		if n == most {
			r.wrong(at, reason.MaxLength, "more than %d elements", most)
			return false
		}
		read(fmt.Sprintf("%s/%d", at, n), value)
		n++
		return len(r.problems) < maxProblems
	})
}

// maxProblems bounds what is told of one document.
const maxProblems = 100

func (r *reader) text(to *string) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		switch {
		case v.Type != gjson.String:
			r.wrong(at, reason.Invalid, "a text is expected")
		case v.Str == "" || len(v.Str) > maxText:
			r.wrong(at, reason.MaxLength, "a text of 1 to %d bytes is expected", maxText)
		default:
			*to = v.Str
		}
	}
}

func (r *reader) number(to *float64) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		if n := v.Float(); v.Type != gjson.Number || math.IsInf(n, 0) || math.IsNaN(n) {
			r.wrong(at, reason.InvalidNumber, "a number is expected")
			return
		}
		*to = v.Num
	}
}

// whole reads a whole number from 1 on.
func (r *reader) whole(high int, to func(int)) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		n := v.Num
		if v.Type != gjson.Number || n != math.Trunc(n) || n < 1 || n > float64(high) {
			r.wrong(at, reason.InvalidInteger, "a whole number from 1 to %d is expected", high)
			return
		}
		to(int(n))
	}
}

func (r *reader) truth(to *bool) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		if !v.IsBool() {
			r.wrong(at, reason.InvalidBoolean, "true or false is expected")
			return
		}
		*to = v.Bool()
	}
}

func (r *reader) pointer(to *Pointer) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		if v.Type != gjson.String {
			r.wrong(at, reason.Invalid, "a JSON pointer is expected")
			return
		}
		p, err := ParsePointer(v.Str)
		if err != nil {
			r.wrong(at, reason.Invalid, "%v", err)
			return
		}
		*to = p
	}
}

// scalar returns a value as text to compare with; false for lists, objects and null.
func scalar(v gjson.Result) (string, bool) {
	switch v.Type {
	case gjson.String:
		return v.Str, true
	case gjson.Number, gjson.True, gjson.False:
		return v.Raw, true
	case gjson.Null, gjson.JSON:
	}
	return "", false
}

func (r *reader) scalar(to func(string)) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		text, ok := scalar(v)
		if !ok || len(text) > maxText {
			r.wrong(at, reason.Invalid, "a text, a number, true or false is expected")
			return
		}
		to(text)
	}
}

func (r *reader) document(at string, v gjson.Result) *Document {
	d := &Document{}
	before := len(r.problems)
	r.object(at, v, members{
		"form":    r.whole(Form, func(int) {}),
		"name":    r.name(&d.Name),
		"version": r.whole(maxVersion, func(n int) { d.Version = n }),
		"title":   r.text(&d.Title),
		"source":  r.source(&d.Source),
		"profiles": func(at string, v gjson.Result) {
			r.list(at, v, maxProfiles, func(at string, v gjson.Result) {
				var profile string
				r.text(&profile)(at, v)
				d.Profiles = append(d.Profiles, profile)
			})
		},
		"first":  r.truth(&d.First),
		"codec":  r.name(&d.Codec),
		"blocks": func(at string, v gjson.Result) { r.list(at, v, maxBlocks, r.block(&d.Blocks)) },
		"silent": func(at string, v gjson.Result) { r.list(at, v, maxBlocks, r.silent(&d.Silent)) },
	}, "form", "name", "version", "title", "source")
	if len(d.Blocks) == 0 && d.Codec == "" && len(r.problems) == before {
		r.wrong(at+"/blocks", reason.Required, "there are neither blocks nor a codec")
	}
	return d
}

func (r *reader) name(to *string) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		if v.Type != gjson.String || !nameForm.MatchString(v.Str) {
			r.wrong(at, reason.Invalid, "a name of small letters, digits and hyphens is expected")
			return
		}
		*to = v.Str
	}
}

func (r *reader) source(to *Source) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		r.object(at, v, members{
			"url": r.text(&to.URL), "licence": r.text(&to.Licence), "note": r.text(&to.Note),
		}, "url", "licence")
	}
}

// condition returns what reads the members of a condition.
func (r *reader) condition(c *Condition) members {
	return members{
		"f_ports": func(at string, v gjson.Result) {
			r.list(at, v, maxChoices, r.whole(math.MaxUint8, func(n int) { c.FPorts = append(c.FPorts, uint8(n)) }))
		},
		"when": func(at string, v gjson.Result) {
			r.list(at, v, maxChoices, func(at string, v gjson.Result) {
				var t Test
				r.object(at, v, members{
					"pointer": r.pointer(&t.Pointer), "equals": r.scalar(func(s string) { t.Equals = s }),
				}, "pointer", "equals")
				c.When = append(c.When, t)
			})
		},
	}
}

func (r *reader) silent(to *[]Condition) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		var c Condition
		r.object(at, v, r.condition(&c))
		if len(c.FPorts) == 0 && len(c.When) == 0 {
			r.wrong(at, reason.Required, "it must say which uplinks have no measurements: f_ports, when")
		}
		*to = append(*to, c)
	}
}

func (r *reader) block(to *[]Block) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		var b Block
		all := r.condition(&b.Condition)
		all["list"] = func(at string, v gjson.Result) {
			b.List = &Pointer{}
			r.pointer(b.List)(at, v)
		}
		all["time"] = func(at string, v gjson.Result) {
			b.Time = &Time{}
			r.time(b.Time, at, v)
		}
		all["fields"] = func(at string, v gjson.Result) { r.list(at, v, maxFields, r.field(&b.Fields)) }
		r.object(at, v, all, "fields")
		if len(b.Fields) == 0 {
			r.wrong(at+"/fields", reason.Required, "a block needs fields")
		}
		b.places = newTree(b.Fields)
		*to = append(*to, b)
	}
}

func (r *reader) time(t *Time, at string, v gjson.Result) {
	r.object(at, v, members{
		"pointer": r.pointer(&t.Pointer),
		"as": func(at string, v gjson.Result) {
			t.As = Clock(v.Str)
			if v.Type != gjson.String || !slices.Contains(clocks, t.As) {
				r.wrong(at, reason.InvalidChoice, "want one of %v", clocks)
			}
		},
		"optional": r.truth(&t.Optional),
	}, "pointer", "as")
}

func (r *reader) field(to *[]Field) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		f := Field{Factor: 1}
		r.object(at, v, members{
			"quantity": func(at string, v gjson.Result) {
				f.Quantity = v.Str
				var ok bool
				if f.of, ok = targetOf(v.Str); v.Type != gjson.String || !ok {
					r.wrong(at, reason.InvalidChoice, "there is no such quantity")
				}
			},
			"pointer": r.pointer(&f.Pointer),
			"factor": func(at string, v gjson.Result) {
				if r.number(&f.Factor)(at, v); f.Factor == 0 {
					r.wrong(at, reason.InvalidNumber, "a factor of 0 would make every value the same")
				}
			},
			"offset": r.number(&f.Offset),
			"words":  r.words(&f),
			"none": func(at string, v gjson.Result) {
				r.list(at, v, maxChoices, r.scalar(func(s string) { f.None = append(f.None, s) }))
			},
		}, "quantity", "pointer")
		*to = append(*to, f)
	}
}

func (r *reader) words(f *Field) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		if !v.IsObject() {
			r.wrong(at, reason.Invalid, "an object of words and their numbers is expected")
			return
		}
		f.Words = map[string]float64{}
		v.ForEach(func(key, value gjson.Result) bool {
			place := at + "/" + escape.Replace(key.Str)
			if _, twice := f.Words[key.Str]; twice || len(f.Words) == maxChoices {
				r.wrong(place, reason.Invalid, "it stands there twice, or there are more than %d", maxChoices)
				return false
			}
			var n float64
			r.number(&n)(place, value)
			f.Words[key.Str] = n
			return true
		})
	}
}

// targetOf returns what becomes of values of a quantity.
func targetOf(name string) (target, bool) {
	if name == CO2 {
		return target{quantity.Quantity{Name: CO2, Unit: "ppm", Min: 0, Max: math.MaxInt32}, true}, true
	}
	q, ok := quantity.ByName(name)
	return target{q, false}, ok
}
