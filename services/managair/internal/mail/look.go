package mail

import (
	"cmp"
	"context"
	"io"
	"regexp"
	"strings"

	"github.com/a-h/templ"

	"github.com/clairberlin/clair-stack/pkg/palette"
	"github.com/clairberlin/clair-stack/pkg/profile"
)

// colour is one of the palette's, in both schemes.
type colour struct{ light, dark string }

// colours are those of package palette by their names. Mails cannot have them as they are there:
// mailboxes know no custom properties, and many take no style but that of an element.
var colours = func() map[string]colour {
	all := map[string]colour{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`).FindAllSubmatch(palette.CSS, -1) {
		all[string(m[1])] = colour{string(m[2]), string(m[3])}
	}
	return all
}()

// look sets the light colours of an element: mailboxes that know no dark scheme show these.
func look(ground, ink string) string {
	style := ""
	if ground != "" {
		style = "background:" + colours[ground].light + ";"
	}
	return style + "color:" + colours[ink].light + ";"
}

// classes are the colours of the classes of elements: ground, ink.
var classes = [][3]string{
	{"ground", "ground", "ink"},
	{"card", "surface", "ink"},
	{"brand", "", "accent"},
	{"button", "accent", "accent-ink"},
	{"soft", "", "ink-soft"},
	{"good", "good-soft", "good"},
	{"elevated", "elevated-soft", "elevated"},
	{"high", "high-soft", "high"},
	{"none", "none-soft", "none"},
}

// darkStyle has the dark colours.
func darkStyle() templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var css strings.Builder
		css.WriteString("<style>:root{color-scheme:light dark}@media (prefers-color-scheme:dark){")
		for _, c := range classes {
			css.WriteString("." + c[0] + "{")
			if c[1] != "" {
				css.WriteString("background:" + colours[c[1]].dark + "!important;")
			}
			css.WriteString("color:" + colours[c[2]].dark + "!important}")
		}
		css.WriteString(".line{border-color:" + colours["line"].dark + "!important}}</style>")
		_, err := io.WriteString(w, css.String())
		return err
	})
}

// roleClass is the class of what is judged, by the role of its level.
func roleClass(r profile.Role) string { return cmp.Or(string(r), "none") }

func roleLook(r profile.Role) string { return look(roleClass(r)+"-soft", roleClass(r)) }
