// Package palette has the colours of all pages, as custom properties of CSS. The
// web frontend takes the same file into its bundles.
package palette

import _ "embed"

// CSS declares the colours; other sheets follow it.
//
//go:embed palette.css
var CSS []byte
