package jsonapi

import (
	"encoding/json"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/reason"
)

// ExtAtomic names the extension for lists of operations of which all are done or
// none: https://jsonapi.org/ext/atomic. Adding, updating and removing resources is
// known here; changing a relationship by itself is not.
const ExtAtomic = "https://jsonapi.org/ext/atomic"

// AtomicMediaType is the media type of documents with the extension.
const AtomicMediaType = MediaType + `;ext="` + ExtAtomic + `"`

// The codes of operations.
const (
	OpAdd    = "add"
	OpUpdate = "update"
	OpRemove = "remove"
)

// Operation is one of a list that is done as a whole.
type Operation struct {
	// Op is one of the codes above.
	Op string
	// Type is that of the resource that is added, updated or removed. ID is what it
	// is known by, empty for one that is added; LID is its id within the document.
	Type, ID, LID string
	data          json.RawMessage
}

// Locals are the ids of the resources that an earlier operation of the same
// document has added, by type and local id.
type Locals map[Identifier]string

// ParseOperations reads a document of up to most operations.
func ParseOperations(data []byte, most int) ([]Operation, error) {
	top, err := object(data)
	if err != nil {
		return nil, Errors{{Status: 400, Reason: reason.ParseError, Args: []any{err.Error()}}}
	}
	var list []json.RawMessage
	if json.Unmarshal(top["atomic:operations"], &list) != nil || len(list) == 0 {
		return nil, Errors{{Status: 400, Reason: reason.NoOperations, Pointer: "/atomic:operations"}}
	}
	if len(list) > most {
		return nil, Errors{{Status: 400, Reason: reason.TooManyOperations, Pointer: "/atomic:operations", Args: []any{most}}}
	}
	operations := make([]Operation, len(list))
	for i, one := range list {
		if e := operations[i].parse(one); e != nil {
			return nil, Errors{e}.Below(OperationPointer(i))
		}
	}
	return operations, nil
}

func (o *Operation) parse(text json.RawMessage) *Error {
	members, err := object(text)
	if err != nil {
		return &Error{Status: 400, Reason: reason.IncorrectType}
	}
	o.Op, _, _ = textMember(members, "op")
	if o.Op != OpAdd && o.Op != OpUpdate && o.Op != OpRemove {
		return &Error{Status: 400, Reason: reason.InvalidChoice, Pointer: "/op", Args: []any{o.Op, "add, update, remove"}}
	}
	if _, ok := members["href"]; ok {
		return &Error{Status: 400, Reason: reason.OperationUnsupported, Pointer: "/href"}
	}
	o.data = members["data"]
	target, place := members["ref"], "/ref"
	if target == nil && o.Op != OpRemove {
		target, place = o.data, "/data"
	}
	named, err := object(target)
	if err != nil {
		return &Error{Status: 400, Reason: reason.Required, Pointer: place}
	}
	if _, ok := named["relationship"]; ok {
		return &Error{Status: 400, Reason: reason.OperationUnsupported, Pointer: place + "/relationship"}
	}
	o.Type, _, _ = textMember(named, "type")
	if o.Type == "" {
		return &Error{Status: 400, Reason: reason.MissingType, Pointer: place}
	}
	o.ID, _, _ = textMember(named, "id")
	o.LID, _, _ = textMember(named, "lid")
	if o.ID == "" && o.LID == "" && o.Op != OpAdd {
		return &Error{Status: 400, Reason: reason.MissingID, Pointer: place}
	}
	return nil
}

// Resolve gives the operation on a resource that was added before its id.
func (o *Operation) Resolve(known Locals) error {
	if o.Op == OpAdd || o.ID != "" {
		return nil
	}
	id, ok := known[Identifier{o.Type, o.LID}]
	if !ok {
		return Errors{{Status: 400, Reason: reason.DoesNotExist, Args: []any{o.LID}}}
	}
	o.ID = id
	return nil
}

// Body returns the resource of the operation, whose relationships may name what is
// known by a local id.
func (o *Operation) Body(known Locals) (Body, error) {
	id := o.ID
	if o.Op == OpAdd {
		id = ""
	}
	if o.data == nil {
		return Body{}, documentError(reason.NoPrimaryData)
	}
	b, err := parseResource(o.data, o.Type, id, known)
	b.locals = known
	return b, err
}

// OperationPointer is the place of the operation with that index.
func OperationPointer(index int) string { return "/atomic:operations/" + strconv.Itoa(index) }

// AppendResults appends the document that answers operations: a resource for each,
// or nil.
func AppendResults(dst []byte, results []*Resource) []byte {
	dst = append(dst, `{"atomic:results":[`...)
	for i, one := range results {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		if one != nil {
			dst = append(dst, `"data":`...)
			dst = one.append(dst)
		}
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}
