// Package jsonapi has the documents, errors and query parameters of JSON:API 1.1
// (https://jsonapi.org/format/), as explicit types.
//
// It knows nothing of the domain: a transport builds a Document from domain
// values in plain code. Documents append themselves to a buffer by hand, because
// lists and long series are most of what is answered, and reflection is most of
// what they would cost.
//
// The trap: a Resource is as complete as its builder makes it. Sparse fields are
// applied by Restrict, after building, so that every answer takes the same way.
package jsonapi

// MediaType is the media type of all documents.
const MediaType = "application/vnd.api+json"
