package httpapi

import (
	"errors"
	"io"
	"net/http"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
)

// MediaPath is where pictures are served.
const MediaPath = "/media/"

// AddImages adds the routes that give installations their picture, before Handler
// is called.
func (a *API) AddImages(store media.Store) {
	a.media = store
	const pattern = Base + "/installations/{id}/image"
	a.Add(
		Route{Method: http.MethodPut, Pattern: pattern, Audience: access.Installations.Change, Handler: a.putImage},
		Route{Method: http.MethodDelete, Pattern: pattern, Audience: access.Installations.Change, Handler: func(w http.ResponseWriter, r *http.Request) error {
			_, err := a.changeImage(r, nil, func(i *inventory.Installation) error {
				i.Image = nil
				return nil
			})
			if err != nil {
				return err
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		}},
	)
}

func (a *API) putImage(w http.ResponseWriter, r *http.Request) error {
	// Whether the caller may do this is asked first, and again at the end: while a
	// slow client uploads, nothing must be locked.
	if _, err := a.changeImage(r, nil, func(*inventory.Installation) error { return errOnlyAsked }); !errors.Is(err, errOnlyAsked) {
		return err
	}
	data, err := readImage(w, r)
	if err != nil {
		return err
	}
	var name *string
	if data != nil {
		if name, err = a.keepImage(r, data); err != nil {
			return err
		}
	}
	installation, err := a.changeImage(r, name, func(i *inventory.Installation) error {
		if name != nil {
			i.Image = name
		}
		return nil
	})
	if err != nil {
		return err
	}
	image := jsonapi.Null()
	if installation.Image != nil {
		image = jsonapi.String(MediaPath + *installation.Image)
	}
	doc := jsonapi.Document{One: &jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeInstallation, ID: formatInt64(installation.ID)},
		Attributes: []jsonapi.Attribute{{Name: "image", Value: image}},
	}}
	writeBody(w, r, http.StatusOK, doc.Append(nil))
	return nil
}

var errOnlyAsked = errors.New("only asked whether it is permitted")

// keepImage converts and stores an upload, and returns its name.
func (a *API) keepImage(r *http.Request, data []byte) (*string, error) {
	name, content, err := media.Convert(data)
	switch {
	case errors.Is(err, media.ErrNoImage):
		return nil, imageError("image_invalid")
	case errors.Is(err, media.ErrTooLarge):
		return nil, imageError("image_too_large", media.MaxPixels)
	case err != nil:
		return nil, err
	}
	if err := a.media.Put(r.Context(), name, content); err != nil {
		return nil, err
	}
	return &name, nil
}

func imageError(text string, args ...any) error {
	return jsonapi.Errors{{Status: http.StatusBadRequest, Code: "invalid", Text: text, Args: args, Pointer: jsonapi.AttributePointer("image")}}
}

// changeImage changes the installation's picture. Of the old one and the new one,
// that which is not used in the end is deleted.
func (a *API) changeImage(r *http.Request, after *string, change func(*inventory.Installation) error) (inventory.Installation, error) {
	id, ok := int64ID(r.PathValue("id"))
	if !ok {
		return inventory.Installation{}, errNotFound()
	}
	var before *string
	installation, err := a.inventory.Installations.Change(r.Context(), access.CallerFrom(r.Context()), id, func(i *inventory.Installation) error {
		before = i.Image
		return change(i)
	})
	unused := before
	if err != nil {
		unused = after
	}
	if unused != nil && (installation.Image == nil || *unused != *installation.Image) {
		if problem := a.media.Delete(r.Context(), *unused); problem != nil {
			a.log.WarnContext(r.Context(), "picture left behind", "err", problem)
		}
	}
	return installation, err
}

// readImage returns the upload in the field image, nil when there is none.
func readImage(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	contentType, err := bodyMedia(r)
	if err != nil {
		return nil, err
	}
	if contentType != "multipart/form-data" {
		return nil, unsupportedMedia(contentType)
	}
	r.Body = http.MaxBytesReader(w, r.Body, media.MaxBytes+maxBody)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, bodyError(err)
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, bodyError(err)
		}
		if part.FormName() != "image" {
			continue
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, bodyError(err)
		}
		return data, nil
	}
}

// ServeMedia serves pictures. They never change under their name.
func (a *API) ServeMedia(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	file, err := a.media.Open(r.Context(), name)
	if err != nil {
		writeError(w, r, a.log, err)
		return
	}
	defer func() { _ = file.Close() }()
	header := w.Header()
	header.Set("Content-Type", media.ContentType(name))
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("ETag", `"`+name+`"`)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	http.ServeContent(w, r, "", file.ModTime, file)
}
