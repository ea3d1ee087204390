// Package anysensor decodes the uplinks of whatever device sends them, by what is known
// of it: what the network server has decoded (package mapping), or a codec of ours.
//
// Its order: a document or codec that knows more than The Things Stack's normalized_payload;
// then that; then the document of the device's model, for the quantities that are not in it;
// then the codec that the document, or the operator, names. Whose uplinks nobody can read are
// undecoded: they are kept with the whole message, and can be read once somebody has said how.
//
// The trap: the ids of nodes are made with the one name LORAWAN, whichever way their uplinks
// are read, so that a better codec does not make other nodes of them. A device that has been
// read by a service of its family (clairchen-forwarder, ers-forwarder) is another node here.
package anysensor

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/mapping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// Protocol is the name in node ids.
const Protocol = "LORAWAN"

//go:embed normalized.json
var normalizedDocument []byte

// normalized reads The Things Stack's normalized_payload.
var normalized = func() *mapping.Document {
	d, err := mapping.Parse(normalizedDocument)
	if err != nil {
		panic(err) // a test reads it
	}
	return d
}()

// Decoder is the codec.Decoder of all devices.
type Decoder struct {
	set    *mapping.Set
	codecs map[string]codec.Decoder
}

// New returns a decoder. An error says which names are those of neither a document nor a codec.
func New(set *mapping.Set, codecs map[string]codec.Decoder) (*Decoder, error) {
	d := &Decoder{set, codecs}
	var problems []error
	for _, name := range set.Assigned() {
		if _, _, ok := d.find(name); !ok {
			problems = append(problems, fmt.Errorf("there is neither a mapping nor a codec %q", name))
		}
	}
	for _, name := range set.Names() {
		if by := set.Document(name).Codec; by != "" && codecs[by] == nil {
			problems = append(problems, fmt.Errorf("mapping %s: /codec: there is no codec %q", name, by))
		}
	}
	return d, errors.Join(problems...)
}

// Protocol returns the name in node ids.
func (*Decoder) Protocol() string { return Protocol }

// find returns the document and the codec of a name; a codec has no document where the name is
// its own, and is then asked first.
func (d *Decoder) find(name string) (*mapping.Document, codec.Decoder, bool) {
	if doc := d.set.Document(name); doc != nil {
		return doc, d.codecs[doc.Codec], true
	}
	native, ok := d.codecs[name]
	return nil, native, ok
}

// known reports whether there is a document or a codec of a name.
func (d *Decoder) known(name string) bool {
	_, _, ok := d.find(name)
	return ok
}

// Decode returns what an uplink says.
func (d *Decoder) Decode(u *lorawan.Uplink) (codec.Message, error) {
	name, passed := d.set.Choose(u, d.known)
	m, err := d.by(name, u)
	if !passed {
		return m, err
	}
	note := fmt.Sprintf("its tag clair_mapping is %.60q, and there is neither a mapping nor a codec of that name: read by its profile %.100q",
		strings.ToValidUTF8(u.Mapping, "?"), strings.ToValidUTF8(u.Profile, "?"))
	if e, ok := errors.AsType[*codec.Error](err); ok {
		return m, codec.Errorf(e.Reason, "%s; %s", e.Detail, note)
	}
	m.Note = note
	return m, err
}

// by reads an uplink by the document, or codec, of a name.
func (d *Decoder) by(name string, u *lorawan.Uplink) (codec.Message, error) {
	doc, native, known := d.find(name)
	var failed error
	first := native != nil && (doc == nil || doc.First)
	if first {
		m, err := native.Decode(u)
		if err == nil {
			m.By = codec.ByCodec
			return m, nil
		}
		failed = err
	}
	m, found := read(u, doc)
	switch {
	case found:
		return m, nil
	case failed == nil && native != nil && !first:
		m, failed = native.Decode(u)
		if failed == nil {
			m.By = codec.ByCodec
			return m, nil
		}
	}
	if failed != nil {
		return codec.Message{}, failed
	}
	if m.Unread != nil {
		return codec.Message{}, m.Unread
	}
	return codec.Message{}, d.complain(u, name, doc, known, m)
}

// read reads what the network server has decoded. It is false where that has no measurements,
// and should have some; Unread then says why, where that is known. A battery alone is not
// what a sensor is there for: its other places may be wrong.
func read(u *lorawan.Uplink, doc *mapping.Document) (codec.Message, bool) {
	var v mapping.Values
	by := ""
	apply := func(d *mapping.Document, decoded, way string) {
		if d == nil || decoded == "" {
			return
		}
		was := v.Count()
		d.Apply(&v, u, decoded)
		if v.Count() > was {
			by = cmp.Or(by, way)
		}
	}
	if doc != nil && doc.First {
		apply(doc, u.Decoded, codec.ByMapping)
		apply(normalized, u.Normalized, codec.ByNormalized)
	} else {
		apply(normalized, u.Normalized, codec.ByNormalized)
		apply(doc, u.Decoded, codec.ByMapping)
	}
	m := v.Message()
	m.By = by
	return m, len(m.Samples)+len(m.Readings) > 0 || v.Silent() && m.Unread == nil
}

// complain says why nobody could read an uplink, and what there was.
func (d *Decoder) complain(u *lorawan.Uplink, name string, doc *mapping.Document, known bool, m codec.Message) error {
	there := "the network server has decoded nothing"
	if u.Decoded != "" {
		there = "the network server has decoded: " + mapping.Members(u.Decoded)
	}
	switch {
	case name != "" && !known:
		return codec.Errorf(codec.NoDecoder, "there is neither a mapping nor a codec %.60q; %s", name, there)
	case doc != nil && (m.BatteryMillivolts.Known || m.BatteryPercent.Known):
		return codec.Errorf(codec.BadContent, "mapping %s finds only the battery on port %d; %s", doc.Name, u.FPort, there)
	case doc != nil && u.Decoded != "":
		return codec.Errorf(codec.BadContent, "mapping %s finds nothing on port %d; %s", doc.Name, u.FPort, there)
	case doc != nil:
		return codec.Errorf(codec.NoDecoder, "mapping %s reads what the network server has decoded, and it has decoded nothing: choose a payload formatter (codec) there", doc.Name)
	case u.Profile != "":
		return codec.Errorf(codec.NoDecoder, "no mapping has the profile %.100q; %s", strings.ToValidUTF8(u.Profile, "?"), there)
	default:
		return codec.Errorf(codec.NoDecoder, "the network server names no profile of the device, and no mapping is set for it; %s", there)
	}
}
