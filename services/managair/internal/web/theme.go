// Package web is the frame of all pages that managair makes itself: their look,
// their language, and the headers that bound what they may do. Colours are those of
// the web frontend.
package web

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"net/http"
	"slices"

	"github.com/clairberlin/clair-stack/pkg/palette"
)

//go:embed style.css
var rules []byte

var style = slices.Concat(palette.CSS, rules)

// StylePath is the address of the stylesheet. It changes with its content, so
// browsers keep it for good.
var StylePath = fmt.Sprintf("/accounts/static/style-%.6x.css", sha256.Sum256(style))

// ServeStyle answers with the stylesheet.
func ServeStyle(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/css; charset=utf-8")
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(style) // the browser may be gone
}

// Headers sets what every page has: nothing from elsewhere, no scripts, no frames,
// and no addresses with keys told to others.
func Headers(h http.Header) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Add("Vary", "Cookie, Accept-Language")
}
