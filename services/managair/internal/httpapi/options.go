package httpapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi/openapi"
)

// fieldInfo describes a field to clients that build forms.
type fieldInfo struct {
	Type      string   `json:"type"`
	Required  bool     `json:"required"`
	ReadOnly  bool     `json:"read_only"`
	WriteOnly bool     `json:"write_only"`
	Label     string   `json:"label"`
	HelpText  string   `json:"help_text,omitempty"`
	MaxLength *int     `json:"max_length,omitempty"`
	MinValue  *int64   `json:"min_value,omitempty"`
	MaxValue  *int64   `json:"max_value,omitempty"`
	Choices   []choice `json:"choices,omitempty"`
}

type choice struct {
	Value       string `json:"value"`
	DisplayName string `json:"display_name"`
}

// describe answers OPTIONS with what the description says about the address.
func (a *API) describe(w http.ResponseWriter, r *http.Request, pattern string, methods map[string]Route) {
	doc := openapi.Read()
	operations := doc.Paths[pattern+"/"]
	var info struct {
		Data struct {
			Name           string                          `json:"name"`
			Description    string                          `json:"description"`
			Renders        []string                        `json:"renders"`
			Parses         []string                        `json:"parses"`
			AllowedMethods []string                        `json:"allowed_methods"`
			Actions        map[string]map[string]fieldInfo `json:"actions,omitempty"`
		} `json:"data"`
	}
	info.Data.Name = operations["get"].Summary
	info.Data.Renders = []string{jsonapi.MediaType, mediaJSON, mediaHTML}
	info.Data.Parses = []string{jsonapi.MediaType, mediaJSON, "application/x-www-form-urlencoded", "multipart/form-data"}
	info.Data.AllowedMethods = strings.Split(w.Header().Get("Allow"), ", ")
	for _, method := range slices.Sorted(maps.Keys(methods)) {
		if fields := fieldsOf(doc, operations[strings.ToLower(method)]); fields != nil {
			if info.Data.Actions == nil {
				info.Data.Actions = map[string]map[string]fieldInfo{}
			}
			info.Data.Actions[method] = fields
		}
	}
	body, err := json.Marshal(info)
	if err != nil {
		writeError(w, r, a.log, err)
		return
	}
	writeBody(w, r, http.StatusOK, body)
}

// fieldsOf returns the fields that an operation takes, nil when it takes none.
func fieldsOf(doc *openapi.Document, o openapi.Operation) map[string]fieldInfo {
	media, ok := o.RequestBody.Content[jsonapi.MediaType]
	if !ok {
		return nil
	}
	data := doc.Resolve(media.Schema).Properties["data"]
	fields := map[string]fieldInfo{}
	for _, part := range []string{"attributes", "relationships"} {
		members := data.Properties[part]
		for name, schema := range members.Properties {
			info := fieldInfo{
				Required: slices.Contains(members.Required, name), ReadOnly: schema.ReadOnly,
				Label: label(name, schema), HelpText: schema.Description,
				MaxLength: schema.MaxLength, MinValue: schema.Minimum, MaxValue: schema.Maximum,
			}
			info.Type = fieldType(schema)
			if part == "relationships" {
				info.Type, info.HelpText = "Relationship", ""
			}
			for _, value := range schema.Enum {
				info.Choices = append(info.Choices, choice{value, value})
			}
			fields[name] = info
		}
	}
	return fields
}

func label(name string, s openapi.Schema) string {
	if s.Title != "" {
		return s.Title
	}
	words := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// fieldType names types as the predecessor did.
func fieldType(s openapi.Schema) string {
	name, _ := s.Nullable()
	switch {
	case len(s.Enum) > 0:
		return "Choice"
	case s.Format == "decimal":
		return "Decimal"
	case name == "integer":
		return "Integer"
	case name == "boolean":
		return "Boolean"
	default:
		return "String"
	}
}
