// Package catalog knows every codec by the name that operators use for it. A new
// codec is a package, a folder of cases, and a line here.
package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/codec/oy1210"
)

var codecs = map[string]codec.Decoder{
	"clairchen": clairchen.Decoder{},
	"elsys":     elsys.Decoder{},
	"oy1210":    oy1210.Decoder{},
}

// Find returns the codec of a name. The error lists the names there are.
func Find(name string) (codec.Decoder, error) {
	d, ok := codecs[name]
	if !ok {
		return nil, fmt.Errorf("unknown codec %q: there are %s", name, strings.Join(Names(), ", "))
	}
	return d, nil
}

// ForProtocol returns the codec of a protocol as the inventory calls it: one whose
// name is, or begins with, that of the codec, as in the predecessor's
// CLAIRCHENPROT_V01. No codec's name begins another's.
func ForProtocol(identifier string) (codec.Decoder, bool) {
	for _, d := range codecs {
		if strings.HasPrefix(strings.ToUpper(identifier), d.Protocol()) {
			return d, true
		}
	}
	return nil, false
}

// Names returns the names of all codecs, sorted.
func Names() []string { return slices.Sorted(maps.Keys(codecs)) }
