package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
)

func errNotFound() error {
	return jsonapi.Errors{{Status: http.StatusNotFound, Reason: reason.NotFound}}
}

func errNotAuthenticated() error {
	return jsonapi.Errors{{Status: http.StatusUnauthorized, Reason: reason.NotAuthenticated}}
}

// WriteError answers with the error document that stands for err, in the
// language of the request. Handlers outside the router (middleware) use it too.
func WriteError(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	writeError(w, r, log, err)
}

func writeError(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	errs := errorsOf(r.Context(), log, err)
	language := web.LanguageOf(r)
	for i, e := range errs {
		if e.Detail == "" {
			translated := *e
			translated.Detail = e.In(language)
			errs[i] = &translated
		}
	}
	header := w.Header()
	header.Add("Vary", "Accept-Language")
	header.Set("Content-Language", language)
	header.Set("Cache-Control", "no-store")
	status := errs.Status()
	switch status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Token")
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "5")
	}
	writeBody(w, r, status, errs.Append(nil))
}

// errorsOf gives every error the form of an error document. The text of internal
// errors stays in the log.
func errorsOf(ctx context.Context, log *slog.Logger, err error) jsonapi.Errors {
	if errs, ok := errors.AsType[jsonapi.Errors](err); ok && len(errs) > 0 {
		return errs
	}
	if v, ok := errors.AsType[*fault.Violation](err); ok {
		return jsonapi.Errors{jsonapi.ErrorOf(v)}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return jsonapi.Errors{{Status: http.StatusRequestEntityTooLarge, Reason: reason.TooLarge}}
	}
	status := fault.HTTPStatus(err)
	if ctx.Err() != nil && fault.KindOf(err) == fault.Unavailable || errors.Is(err, context.DeadlineExceeded) {
		// Cancelled queries look like a database that is away.
		return jsonapi.Errors{{Status: http.StatusServiceUnavailable, Reason: reason.TooSlow}}
	}
	switch status {
	case http.StatusInternalServerError:
		log.ErrorContext(ctx, "request failed", "err", err)
	case http.StatusServiceUnavailable:
		log.WarnContext(ctx, "request failed", "err", err)
	}
	return jsonapi.Errors{{Status: status, Reason: reasonOf(status)}}
}

func reasonOf(status int) reason.Reason {
	switch status {
	case http.StatusBadRequest:
		return reason.Invalid
	case http.StatusUnauthorized:
		return reason.NotAuthenticated
	case http.StatusForbidden:
		return reason.PermissionDenied
	case http.StatusNotFound:
		return reason.NotFound
	case http.StatusConflict:
		return reason.Conflict
	case http.StatusTooManyRequests:
		return reason.Throttled
	case http.StatusServiceUnavailable:
		return reason.Unavailable
	default:
		return reason.Error
	}
}

// writeBody writes a whole document with its length.
func writeBody(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	header := w.Header()
	media := Media(r.Context())
	if media != mediaJSON {
		media = jsonapi.MediaType
	}
	header.Set("Content-Type", media)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		// The client may be gone, and there is nobody else to tell.
		_, _ = w.Write(body)
	}
}
