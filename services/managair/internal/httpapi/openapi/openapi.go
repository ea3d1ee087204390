// Package openapi holds the description of the HTTP API, in OpenAPI 3.1, and the
// pages that show it.
package openapi

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"go.yaml.in/yaml/v3"
)

// The description is a tenth of its size when packed; tools/dev/generate.sh does it.
//
//go:embed openapi.yaml.gz
var packed []byte

// YAML returns the description as it is written.
var YAML = sync.OnceValue(func() []byte {
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(fmt.Sprintf("openapi.yaml.gz: %v", err)) // it is embedded, and a test reads it
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		panic(fmt.Sprintf("openapi.yaml.gz: %v", err))
	}
	return text
})

//go:embed vendor/*.gz
var vendor embed.FS

// Vendor holds the scripts and styles of Swagger UI and ReDoc, each as NAME.gz.
// tools/dev/vendor-api-pages.sh fetches them.
func Vendor() fs.FS {
	sub, err := fs.Sub(vendor, "vendor")
	if err != nil {
		panic(err) // only an invalid path can fail
	}
	return sub
}

// Document is the description, as far as the API itself reads it.
type Document struct {
	Paths      map[string]map[string]Operation `json:"paths"`
	Components struct {
		Schemas map[string]Schema `json:"schemas"`
	} `json:"components"`
}

// Operation is a method of a path.
type Operation struct {
	Summary     string `json:"summary"`
	RequestBody struct {
		Content map[string]struct {
			Schema Schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Responses map[string]json.RawMessage `json:"responses"`
}

// Schema is the part of JSON Schema that describes fields to people.
type Schema struct {
	Ref         string            `json:"$ref"`
	Type        any               `json:"type"` // a name, or a list of names
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Format      string            `json:"format"`
	ReadOnly    bool              `json:"readOnly"`
	MaxLength   *int              `json:"maxLength"`
	Minimum     *int64            `json:"minimum"`
	Maximum     *int64            `json:"maximum"`
	Enum        []string          `json:"enum"`
	Const       string            `json:"const"`
	Default     any               `json:"default"`
	Required    []string          `json:"required"`
	Properties  map[string]Schema `json:"properties"`
}

// Nullable reports whether null is allowed, and Name the type beside it.
func (s Schema) Nullable() (name string, nullable bool) {
	switch t := s.Type.(type) {
	case string:
		return t, false
	case []any:
		for _, one := range t {
			if one == "null" {
				nullable = true
			} else if text, ok := one.(string); ok {
				name = text
			}
		}
	}
	return name, nullable
}

// JSON returns the description as JSON.
var JSON = sync.OnceValue(func() []byte {
	var tree any
	if err := yaml.Unmarshal(YAML(), &tree); err != nil {
		panic(fmt.Sprintf("openapi.yaml: %v", err)) // it is embedded, and a test reads it
	}
	data, err := json.Marshal(tree)
	if err != nil {
		panic(fmt.Sprintf("openapi.yaml: %v", err))
	}
	return data
})

// Read returns the parsed description.
var Read = sync.OnceValue(func() *Document {
	var d Document
	if err := json.Unmarshal(JSON(), &d); err != nil {
		panic(fmt.Sprintf("openapi.yaml: %v", err))
	}
	return &d
})

// Resolve follows a reference to a schema of the components.
func (d *Document) Resolve(s Schema) Schema {
	const prefix = "#/components/schemas/"
	if len(s.Ref) > len(prefix) {
		return d.Components.Schemas[s.Ref[len(prefix):]]
	}
	return s
}
