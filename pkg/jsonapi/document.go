package jsonapi

import (
	"bytes"
	"slices"
	"strconv"
)

// Identifier names a resource.
type Identifier struct{ Type, ID string }

func (id Identifier) append(dst []byte) []byte {
	dst = append(dst, `{"type":`...)
	dst = AppendString(dst, id.Type)
	dst = append(dst, `,"id":`...)
	dst = AppendString(dst, id.ID)
	return append(dst, '}')
}

// Resource is one thing with what is known of it.
type Resource struct {
	Identifier
	Attributes    []Attribute
	Relationships []Relationship
	// Self is the resource's own address; empty: no links.
	Self string
}

// Attribute is a named value.
type Attribute struct {
	Name  string
	Value Value
}

// Relationship leads to other resources.
type Relationship struct {
	Name string
	// Linkage names them; the zero Linkage leaves them out.
	Linkage Linkage
	// Related and Self are addresses; empty ones are left out.
	Related, Self string
	// Count adds meta.count, the number of identifiers.
	Count bool
}

// Linkage is the data of a relationship.
type Linkage struct {
	kind linkageKind
	one  Identifier
	many []Identifier
}

type linkageKind uint8

const (
	linkOnly linkageKind = iota
	toOne
	toMany
	toNone
)

// ToOne links to one resource.
func ToOne(typ, id string) Linkage { return Linkage{kind: toOne, one: Identifier{typ, id}} }

// ToNone says that there is no resource to link to.
func ToNone() Linkage { return Linkage{kind: toNone} }

// ToMany links to any number of resources.
func ToMany(ids []Identifier) Linkage { return Linkage{kind: toMany, many: ids} }

// Given reports whether the linkage says anything, be it that there is none.
func (l Linkage) Given() bool { return l.kind != linkOnly }

// Identifiers returns what the linkage names.
func (l Linkage) Identifiers() []Identifier {
	if l.kind == toOne {
		return []Identifier{l.one}
	}
	return l.many
}

func (l Linkage) append(dst []byte) []byte {
	switch l.kind {
	case toOne:
		return l.one.append(dst)
	case toMany:
		dst = append(dst, '[')
		for i, id := range l.many {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = id.append(dst)
		}
		return append(dst, ']')
	default:
		return append(dst, "null"...)
	}
}

// Relationship returns the relationship of that name.
func (r *Resource) Relationship(name string) (Relationship, bool) {
	i := slices.IndexFunc(r.Relationships, func(rel Relationship) bool { return rel.Name == name })
	if i < 0 {
		return Relationship{}, false
	}
	return r.Relationships[i], true
}

// Restrict leaves only the named attributes and relationships (sparse fieldset).
func (r *Resource) Restrict(fields []string) {
	r.Attributes = slices.DeleteFunc(r.Attributes, func(a Attribute) bool { return !slices.Contains(fields, a.Name) })
	r.Relationships = slices.DeleteFunc(r.Relationships, func(rel Relationship) bool { return !slices.Contains(fields, rel.Name) })
}

func (r *Resource) append(dst []byte) []byte {
	dst = append(dst, `{"type":`...)
	dst = AppendString(dst, r.Type)
	dst = append(dst, `,"id":`...)
	dst = AppendString(dst, r.ID)
	dst = append(dst, `,"attributes":{`...)
	for i, a := range r.Attributes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, a.Name)
		dst = append(dst, ':')
		dst = a.Value.append(dst)
	}
	dst = append(dst, '}')
	if len(r.Relationships) > 0 {
		dst = append(dst, `,"relationships":{`...)
		for i := range r.Relationships {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = r.Relationships[i].append(dst)
		}
		dst = append(dst, '}')
	}
	if r.Self != "" {
		dst = append(dst, `,"links":{"self":`...)
		dst = AppendString(dst, r.Self)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

func (rel *Relationship) append(dst []byte) []byte {
	dst = AppendString(dst, rel.Name)
	dst = append(dst, ":{"...)
	empty := len(dst)
	if rel.Linkage.kind != linkOnly {
		dst = append(dst, `"data":`...)
		dst = rel.Linkage.append(dst)
	}
	if rel.Count {
		dst = appendComma(dst, empty)
		dst = append(dst, `"meta":{"count":`...)
		dst = strconv.AppendInt(dst, int64(len(rel.Linkage.Identifiers())), 10)
		dst = append(dst, '}')
	}
	if rel.Self != "" || rel.Related != "" {
		dst = appendComma(dst, empty)
		dst = append(dst, `"links":{`...)
		start := len(dst)
		if rel.Self != "" {
			dst = append(dst, `"self":`...)
			dst = AppendString(dst, rel.Self)
		}
		if rel.Related != "" {
			dst = appendComma(dst, start)
			dst = append(dst, `"related":`...)
			dst = AppendString(dst, rel.Related)
		}
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

func appendComma(dst []byte, empty int) []byte {
	if len(dst) > empty {
		return append(dst, ',')
	}
	return dst
}

// Document is a whole answer with primary data.
type Document struct {
	// One is the primary data; when nil, it is the list Many, which may be empty.
	One      *Resource
	Many     []Resource
	Included []Resource
	// Page adds links and meta of a list.
	Page *Page
}

// Append appends the document to dst.
func (d *Document) Append(dst []byte) []byte {
	dst = append(dst, `{"data":`...)
	if d.One != nil {
		dst = d.One.append(dst)
	} else {
		dst = appendResources(dst, d.Many)
	}
	if len(d.Included) > 0 {
		dst = append(dst, `,"included":`...)
		dst = appendResources(dst, d.Included)
	}
	if d.Page != nil {
		dst = append(dst, ',')
		dst = d.Page.append(dst)
	}
	return append(dst, '}')
}

// Split returns what stands before and after the document's Hole.
func (d *Document) Split() (before, after []byte) {
	before, after, _ = bytes.Cut(d.Append(nil), []byte(holeMark))
	return before, after
}

func appendResources(dst []byte, resources []Resource) []byte {
	dst = append(dst, '[')
	for i := range resources {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = resources[i].append(dst)
	}
	return append(dst, ']')
}

// AppendLinkage appends a document whose primary data is linkage.
func AppendLinkage(dst []byte, l Linkage, self, related string) []byte {
	dst = append(dst, `{"data":`...)
	dst = l.append(dst)
	dst = append(dst, `,"links":{"self":`...)
	dst = AppendString(dst, self)
	if related != "" {
		dst = append(dst, `,"related":`...)
		dst = AppendString(dst, related)
	}
	return append(dst, "}}"...)
}
