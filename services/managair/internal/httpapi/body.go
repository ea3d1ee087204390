package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
)

// maxBody bounds the documents of requests, in bytes. A document has a few
// hundred; descriptions may be long.
const maxBody = 256 << 10

// readBody reads the document of a request in any of the accepted forms.
func readBody(w http.ResponseWriter, r *http.Request, typ, id string) (jsonapi.Body, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	media, err := bodyMedia(r)
	if err != nil {
		return jsonapi.Body{}, err
	}
	switch media {
	case jsonapi.MediaType:
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return jsonapi.Body{}, bodyError(err)
		}
		return jsonapi.ParseBody(data, typ, id)
	case "application/x-www-form-urlencoded":
		if err := r.ParseForm(); err != nil {
			return jsonapi.Body{}, bodyError(err)
		}
	case "multipart/form-data":
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return jsonapi.Body{}, bodyError(err)
		}
	default:
		return jsonapi.Body{}, unsupportedMedia(media)
	}
	return jsonapi.FormBody(r.PostForm), nil
}

// bodyMedia returns the media type of a request's body. Plain JSON and nothing
// count as JSON:API.
func bodyMedia(r *http.Request) (string, error) {
	contentType := r.Header.Get("Content-Type")
	if contentType == "" {
		return jsonapi.MediaType, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return "", unsupportedMedia(contentType)
	case media == mediaJSON:
		return jsonapi.MediaType, nil
	default:
		return media, nil
	}
}

func unsupportedMedia(media string) error {
	return jsonapi.Errors{{Status: http.StatusUnsupportedMediaType, Reason: reason.UnsupportedMediaType, Args: []any{media}}}
}

func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	status := http.StatusBadRequest
	if errors.Is(err, web.ErrSlowBody) {
		status = http.StatusRequestTimeout
	}
	return jsonapi.Errors{{Status: status, Reason: reason.ParseError, Pointer: "/data", Args: []any{err.Error()}}}
}
