// Package catalog knows every codec by the name that operators use for it. A new
// codec is a package, a folder of cases, and a line here. One of them, named AnySensor,
// reads the uplinks of all devices by mappings and by the others.
package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/anysensor"
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/codec/mapping"
	"github.com/clairberlin/clair-stack/pkg/codec/oy1210"
)

var codecs = map[string]codec.Decoder{
	"clairchen": clairchen.Decoder{},
	"elsys":     elsys.Decoder{},
	"oy1210":    oy1210.Decoder{},
}

// AnySensor is the name of the codec of all devices.
const AnySensor = "lorawan"

// anySensor is that codec with the mappings that come with it.
var anySensor = sync.OnceValues(func() (codec.Decoder, error) { return ForSensors(mapping.Ready()) })

// ForSensors returns the codec of all devices with the mappings of a set.
func ForSensors(set *mapping.Set) (codec.Decoder, error) { return anysensor.New(set, codecs) }

// Find returns the codec of a name. The error lists the names there are.
func Find(name string) (codec.Decoder, error) {
	if name == AnySensor {
		return anySensor()
	}
	d, ok := codecs[name]
	if !ok {
		return nil, fmt.Errorf("unknown codec %q: there are %s", name, strings.Join(Names(), ", "))
	}
	return d, nil
}

// ForProtocol returns the codec of a protocol as the inventory calls it: one whose
// name is, or begins with, that of the codec, as in the predecessor's
// CLAIRCHENPROT_V01. No codec's name begins another's. That of all devices is its protocol's
// whole name: others may have described protocols that begin so.
func ForProtocol(identifier string) (codec.Decoder, bool) {
	if strings.EqualFold(identifier, anysensor.Protocol) {
		d, err := anySensor()
		return d, err == nil
	}
	for _, d := range codecs {
		if strings.HasPrefix(strings.ToUpper(identifier), d.Protocol()) {
			return d, true
		}
	}
	return nil, false
}

// Names returns the names of all codecs, sorted.
func Names() []string {
	return slices.Sorted(func(yield func(string) bool) {
		if yield(AnySensor) {
			maps.Keys(codecs)(yield)
		}
	})
}
