package grpcapi

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// codec decodes our requests by hand and leaves all else (responses, health,
// reflection) to the usual codec.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// decoder is a request that decodes itself.
type decoder interface {
	unmarshal(data []byte) error
	// fail keeps the error for the handler: gRPC would make "internal" of it, and
	// the caller repeat what can never work.
	fail(err error)
}

// request is the part of requests that keeps the error.
type request struct{ err error }

func (r *request) fail(err error) { r.err = fault.Wrap(fault.Invalid, err, err.Error()) }

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(decoder)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	if err := r.unmarshal(buffer.ReadOnlyData()); err != nil {
		r.fail(err)
	}
	return nil
}
