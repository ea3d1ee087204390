package httpapi

import (
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// maxOperations bounds what one request may change together.
const maxOperations = 50

// operator does operations on the things of one kind.
type operator interface {
	// operate does one in the store and returns what it made or changed.
	operate(ctx context.Context, v *view, store *inventory.Store, op jsonapi.Operation, known jsonapi.Locals) (operated, error)
}

// operated is a thing after an operation; the zero value is one that is gone.
type operated struct {
	id string
	// show is called when all operations are true.
	show func(ctx context.Context) (*jsonapi.Resource, error)
}

// operate answers a list of operations: all of them, or none. Each goes through
// the rules that hold for its single route.
func (a *API) operate(w http.ResponseWriter, r *http.Request) error {
	if _, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	operations, err := readOperations(w, r)
	if err != nil {
		return err
	}
	v := a.newView(r)
	defer v.free()
	v.detail = true
	done, err := a.operateAll(r.Context(), v, operations)
	if err != nil {
		return err
	}
	results, empty := make([]*jsonapi.Resource, len(done)), true
	for i, one := range done {
		if one.show == nil {
			continue
		}
		empty = false
		if results[i], err = one.show(r.Context()); err != nil {
			return err
		}
	}
	if empty {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	body := jsonapi.AppendResults(nil, results)
	w.Header().Set("Content-Type", jsonapi.AtomicMediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client may be gone
	return nil
}

func (a *API) operateAll(ctx context.Context, v *view, operations []jsonapi.Operation) ([]operated, error) {
	var done []operated
	at := len(operations) // of none, until it begins
	err := a.inventory.Atomically(ctx, func(store inventory.Store) error {
		done = make([]operated, 0, len(operations))
		known := jsonapi.Locals{}
		for i, op := range operations {
			at = i
			one, err := a.operateOne(ctx, v, &store, op, known)
			if err != nil {
				return err // as it is: the store knows which ones to try again
			}
			if op.LID != "" && op.Op == jsonapi.OpAdd {
				known[jsonapi.Identifier{Type: op.Type, ID: op.LID}] = one.id
			}
			done = append(done, one)
		}
		at = len(operations)
		return nil
	})
	if err != nil && at < len(operations) {
		err = errorsOf(ctx, a.log, err).Below(jsonapi.OperationPointer(at))
	}
	return done, err
}

func (a *API) operateOne(ctx context.Context, v *view, store *inventory.Store, op jsonapi.Operation, known jsonapi.Locals) (operated, error) {
	on, ok := a.operators[op.Type]
	if !ok {
		return operated{}, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.OperationUnsupported}}
	}
	if err := op.Resolve(known); err != nil {
		return operated{}, err
	}
	return on.operate(ctx, v, store, op, known)
}

func (res *resource[T, ID]) operate(ctx context.Context, v *view, store *inventory.Store, op jsonapi.Operation, known jsonapi.Locals) (operated, error) {
	repository := res.among(store)
	if op.Op == jsonapi.OpAdd {
		body, err := op.Body(known)
		if err != nil {
			return operated{}, err
		}
		thing, err := res.add(ctx, v, repository, body)
		return res.operated(v, thing, err)
	}
	id, ok := res.ids.parse(op.ID)
	if !ok {
		return operated{}, errNotFound()
	}
	if op.Op == jsonapi.OpRemove {
		return operated{}, repository.Delete(ctx, v.caller, id)
	}
	thing, err := res.alter(ctx, v, repository, id, func() (jsonapi.Body, error) { return op.Body(known) }, false)
	return res.operated(v, thing, err)
}

func (res *resource[T, ID]) operated(v *view, thing T, err error) (operated, error) {
	if err != nil {
		return operated{}, err
	}
	return operated{
		id: res.show(v, &thing).ID,
		show: func(ctx context.Context) (*jsonapi.Resource, error) {
			built, err := res.build(ctx, v, []T{thing})
			if err != nil {
				return nil, err
			}
			return &built[0], nil
		},
	}, nil
}

func readOperations(w http.ResponseWriter, r *http.Request) ([]jsonapi.Operation, error) {
	contentType := r.Header.Get("Content-Type")
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != jsonapi.MediaType || params["ext"] != jsonapi.ExtAtomic {
		return nil, unsupportedMedia(contentType)
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, bodyError(err)
	}
	return jsonapi.ParseOperations(data, maxOperations)
}
