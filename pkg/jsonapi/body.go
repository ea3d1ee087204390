package jsonapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Body is the primary data of a request: a resource as the client sees it.
type Body struct {
	Type string
	ID   string
	// HasID tells an empty id from a missing one.
	HasID         bool
	Attributes    map[string]json.RawMessage
	Relationships map[string]json.RawMessage
	// Form is set when the body came from an HTML form: attributes are then texts,
	// and a relationship is named like an attribute, its value the id.
	Form bool
	// locals are the ids of what has none outside of its document yet.
	locals Locals
}

// ParseBody reads a document with one resource of type typ. For changes (PATCH,
// PUT) id is the resource's, which the document must repeat; for creation it is
// empty. An empty body is an empty document, so that every required field is
// named.
func ParseBody(data []byte, typ, id string) (Body, error) {
	var b Body
	if len(bytes.TrimSpace(data)) == 0 {
		if id != "" {
			return b, documentError(reason.DocumentWithoutID)
		}
		return b, nil
	}
	top, err := object(data)
	if err != nil {
		return b, parseError(err)
	}
	primary, ok := top["data"]
	if !ok {
		return b, documentError(reason.NoPrimaryData)
	}
	return parseResource(primary, typ, id, nil)
}

// parseResource reads one resource object; see ParseBody.
func parseResource(primary json.RawMessage, typ, id string, known Locals) (Body, error) {
	var b Body
	members, err := object(primary)
	if err != nil {
		return b, documentError(reason.NotAnObject)
	}
	var ok bool
	if b.Type, ok, err = textMember(members, "type"); err != nil || !ok {
		return b, documentError(reason.DocumentWithoutType)
	}
	if b.ID, b.HasID, err = textMember(members, "id"); err != nil {
		return b, documentError(reason.DocumentID)
	}
	if lid, given, _ := textMember(members, "lid"); given && !b.HasID && id != "" {
		b.ID, b.HasID = known[Identifier{b.Type, lid}], true
	}
	if b.Type != typ {
		return b, Errors{{Status: 409, Reason: reason.Error, Pointer: "/data", Detail: fmt.Sprintf(
			"The resource object's type (%s) is not the type that constitute the collection represented by the endpoint (%s).", b.Type, typ)}}
	}
	if id != "" && !b.HasID {
		return b, documentError(reason.DocumentWithoutID)
	}
	if id != "" && b.ID != id {
		return b, Errors{{Status: 409, Reason: reason.Error, Pointer: "/data", Detail: fmt.Sprintf(
			"The resource object's id (%s) does not match url's lookup id (%s)", b.ID, id)}}
	}
	if b.Attributes, err = optionalObject(members, "attributes"); err != nil {
		return b, Errors{{Status: 400, Reason: reason.Invalid, Pointer: "/data/attributes"}}
	}
	if b.Relationships, err = optionalObject(members, "relationships"); err != nil {
		return b, Errors{{Status: 400, Reason: reason.Invalid, Pointer: "/data/relationships"}}
	}
	return b, nil
}

// FormBody makes a body of the fields of an HTML form.
func FormBody(values url.Values) Body {
	b := Body{Form: true, Attributes: map[string]json.RawMessage{}}
	for name, list := range values {
		if len(list) > 0 {
			b.Attributes[name] = AppendString(nil, list[len(list)-1])
		}
	}
	b.ID, b.HasID = values.Get("id"), values.Has("id")
	return b
}

// ParseLinkage reads a document whose primary data is a list of identifiers of
// type typ.
func ParseLinkage(data []byte, typ string) ([]Identifier, error) {
	top, err := object(data)
	if err != nil {
		return nil, parseError(err)
	}
	primary, ok := top["data"]
	if !ok {
		return nil, documentError(reason.NoPrimaryData)
	}
	ids, e := identifiers(primary, typ, "/data", nil)
	if e != nil {
		return nil, Errors{e}
	}
	return ids, nil
}

func parseError(err error) error {
	return Errors{{Status: 400, Reason: reason.ParseError, Pointer: "/data", Args: []any{err.Error()}}}
}

func documentError(why reason.Reason) error {
	return Errors{{Status: 400, Reason: why, Pointer: "/data"}}
}

var errNoObject = errors.New("not an object")

func object(data []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	var m map[string]json.RawMessage
	if err := dec.Decode(&m); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, errNoObject
		}
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	if m == nil {
		return nil, errNoObject
	}
	return m, nil
}

func optionalObject(members map[string]json.RawMessage, name string) (map[string]json.RawMessage, error) {
	data, ok := members[name]
	if !ok {
		return nil, nil
	}
	return object(data)
}

// textMember reads a text; a number is taken as the text that it looks like.
func textMember(members map[string]json.RawMessage, name string) (string, bool, error) {
	data, ok := members[name]
	if !ok || string(data) == "null" {
		return "", false, nil
	}
	s, ok := textOf(data)
	if !ok || !storable(s) {
		return "", false, errors.New("not a text")
	}
	return s, true, nil
}

// textOf returns the text that a JSON string or number stands for.
func textOf(data json.RawMessage) (string, bool) {
	if len(data) == 0 {
		return "", false
	}
	switch c := data[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(data, &s) != nil {
			return "", false
		}
		return s, true
	case c == '-' || (c >= '0' && c <= '9'):
		return string(data), true
	default:
		return "", false
	}
}

func identifiers(data json.RawMessage, typ, pointer string, known Locals) ([]Identifier, *Error) {
	var list []json.RawMessage
	if string(data) == "null" || json.Unmarshal(data, &list) != nil {
		return nil, &Error{Status: 400, Reason: reason.NotAList, Pointer: pointer}
	}
	ids := make([]Identifier, 0, len(list))
	for _, item := range list {
		id, e := identifier(item, typ, pointer, known)
		if e != nil {
			return nil, e
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func identifier(data json.RawMessage, typ, pointer string, known Locals) (Identifier, *Error) {
	if string(data) == "null" {
		return Identifier{}, &Error{Status: 400, Reason: reason.Null, Pointer: pointer}
	}
	members, err := object(data)
	if err != nil {
		return Identifier{}, &Error{Status: 400, Reason: reason.IncorrectType, Pointer: pointer}
	}
	givenType, ok, err := textMember(members, "type")
	if err != nil || !ok {
		return Identifier{}, &Error{Status: 400, Reason: reason.MissingType, Pointer: pointer}
	}
	id, ok, err := textMember(members, "id")
	if lid, given, _ := textMember(members, "lid"); given && err == nil && !ok {
		if id, ok = known[Identifier{givenType, lid}]; !ok {
			return Identifier{}, &Error{Status: 400, Reason: reason.DoesNotExist, Pointer: pointer, Args: []any{lid}}
		}
	}
	if err != nil || !ok {
		return Identifier{}, &Error{Status: 400, Reason: reason.MissingID, Pointer: pointer}
	}
	if givenType != typ {
		return Identifier{}, &Error{Status: 409, Reason: reason.Error, Pointer: pointer, Detail: fmt.Sprintf(
			"Incorrect relation type. Expected %s, received %s.", typ, givenType)}
	}
	return Identifier{givenType, id}, nil
}
