package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
)

// MediaPath is where pictures are served.
const MediaPath = "/media/"

// Pictures says which pictures installations have, and in which files they are.
type Pictures interface {
	// File returns the file of a picture. NotFound: no installation has it.
	File(ctx context.Context, name string) (string, error)
	// Needed returns those of the files that hold the picture of an installation.
	Needed(ctx context.Context, files []string) (map[string]bool, error)
}

// Images is what the routes of pictures work with.
type Images struct {
	Store    media.Store
	Pictures Pictures
	// Convert returns an upload as it shall be kept, and a name for it.
	Convert func(ctx context.Context, data []byte) (name string, content []byte, err error)
}

// addImages adds the routes that give installations their picture.
func (a *API) addImages() {
	const pattern = Base + "/installations/{id}/image"
	a.add(
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
	leave, err := a.uploads.enter(r.Context(), access.CallerFrom(r.Context()).UserID)
	if err != nil {
		return err
	}
	defer leave()
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
	name, content, err := a.images.Convert(r.Context(), data)
	switch {
	case errors.Is(err, media.ErrNoImage):
		return nil, imageError(reason.ImageInvalid)
	case errors.Is(err, media.ErrTooLarge):
		return nil, imageError(reason.ImageTooLarge, media.MaxPixels)
	case errors.Is(err, media.ErrTooCostly):
		return nil, imageError(reason.ImageTooCostly)
	case err != nil:
		return nil, err
	}
	if err := a.images.Store.Put(r.Context(), name, bytes.NewReader(content), int64(len(content))); err != nil {
		return nil, err
	}
	return &name, nil
}

func imageError(why reason.Reason, args ...any) error {
	return jsonapi.Errors{{Status: http.StatusBadRequest, Reason: why, Args: args, Pointer: jsonapi.AttributePointer("image")}}
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
		a.discard(r.Context(), *unused)
	}
	return installation, err
}

// discard deletes a file, unless an installation needs it. What it leaves behind is
// swept later.
func (a *API) discard(ctx context.Context, file string) {
	needed, err := a.images.Pictures.Needed(ctx, []string{file})
	if err == nil && !needed[file] {
		err = a.images.Store.Delete(ctx, file)
	}
	if err != nil {
		a.log.WarnContext(ctx, "picture left behind", "err", err)
	}
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
		// What was announced is made room for at once: growing would need twice as much.
		var data bytes.Buffer
		data.Grow(int(min(max(r.ContentLength, 0), media.MaxBytes)) + bytes.MinRead)
		if _, err := data.ReadFrom(part); err != nil {
			return nil, bodyError(err)
		}
		return data.Bytes(), nil
	}
}

// ServeMedia serves the pictures that installations have. They never change under
// their name; but they may be deleted, and caches are not told of it.
func (a *API) ServeMedia(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	header := w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	file, err := a.openPicture(r.Context(), name)
	if err != nil {
		writeError(w, r, a.log, err)
		return
	}
	defer func() { _ = file.Close() }()
	header.Set("Content-Type", media.ContentType(name))
	header.Set("Cache-Control", "public, max-age=86400, immutable")
	header.Set("ETag", `"`+name+`"`)
	http.ServeContent(w, r, "", file.ModTime, file)
}

// openPicture opens the file of a picture that an installation has, also where the
// file of one that was deleted is still there.
func (a *API) openPicture(ctx context.Context, name string) (*media.File, error) {
	if err := media.CheckName(name); err != nil {
		return nil, err
	}
	file, err := a.images.Pictures.File(ctx, name)
	if err != nil {
		return nil, err
	}
	return a.images.Store.Open(ctx, file)
}
