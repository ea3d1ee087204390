package visitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // registers the format
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
)

// Superuser is the administrator at a browser.
type Superuser struct {
	Stack   *stack.Stack
	Browser *Browser
	picture string // address of an uploaded one
}

// LogIn goes the way of a person: from the dashboard to the form, and back; then makes
// an upload.
func (s *Superuser) LogIn(ctx context.Context) (err error) {
	if s.Browser, err = NewBrowser(stack.Local); err != nil {
		return err
	}
	b := s.Browser
	if _, err := b.See(ctx, "/dashboard"); err != nil {
		return err
	}
	form, err := b.See(ctx, "/accounts/login/?next=%2Fdashboard")
	if err != nil {
		return err
	}
	if !bytes.Contains(form, []byte(`name="next" value="/dashboard"`)) {
		return fmt.Errorf("the form does not lead back: %s", form)
	}
	if err := s.beRefused(ctx); err != nil {
		return err
	}
	if err := b.LogIn(ctx, stack.Superuser, stack.SuperuserPassword, "/dashboard"); err != nil {
		return err
	}
	if b.cookie("sessionid") == "" || b.cookie("csrftoken") == "" {
		return errors.New("logging in set no cookies")
	}
	for _, page := range []string{"/dashboard", "/admin/", "/accounts/"} {
		if _, err := b.See(ctx, page); err != nil {
			return err
		}
	}
	if err := s.becomeOwner(ctx); err != nil {
		return err
	}
	return s.uploadPicture(ctx)
}

// beRefused logs in with another password, and by a form on another site.
func (s *Superuser) beRefused(ctx context.Context) error {
	post := func(password string, want int) error {
		form := url.Values{"login": {stack.Superuser}, "password": {password}, "next": {"/dashboard"}}
		_, err := s.Browser.Post(ctx, "/accounts/login/", form, want)
		return err
	}
	if err := post("wrong", http.StatusUnprocessableEntity); err != nil {
		return err
	}
	s.Browser.site = "cross-site"
	defer func() { s.Browser.site = "same-origin" }()
	if err := post(stack.SuperuserPassword, http.StatusForbidden); err != nil {
		return fmt.Errorf("a form on another site: %w", err)
	}
	return nil
}

// becomeOwner makes the superuser an owner of the organization, in the admin pages:
// in the API they may do what they are a member for.
func (s *Superuser) becomeOwner(ctx context.Context) error {
	id, err := s.Stack.SQL(ctx, "SELECT id FROM user_account WHERE username = '"+stack.Superuser+"'")
	if err != nil {
		return err
	}
	form := url.Values{"organization_id": {"1"}, "user_id": {id}, "role": {"O"}}
	_, err = s.Browser.Post(ctx, "/admin/membership/add/", form, http.StatusSeeOther)
	return err
}

// uploadPicture gives an installation a picture, which anyone can see then.
func (s *Superuser) uploadPicture(ctx context.Context) error {
	form, header, err := Picture()
	if err != nil {
		return err
	}
	put := func(want int) ([]byte, error) {
		body, _, err := s.Browser.Ask(ctx, http.MethodPut, PicturePath, header, bytes.NewReader(form), want)
		return body, err
	}
	if _, err := put(http.StatusForbidden); err != nil {
		return fmt.Errorf("without the CSRF value: %w", err)
	}
	header.Set("X-Csrftoken", s.Browser.cookie("csrftoken"))
	body, err := put(http.StatusOK)
	if err != nil {
		return err
	}
	if s.picture, err = PictureOf(body); err != nil {
		return err
	}
	return s.SeePicture(ctx)
}

// SeePicture looks at the picture as anyone can, from each task of the server.
func (s *Superuser) SeePicture(ctx context.Context) error {
	anyone, err := NewBrowser(stack.Local)
	if err != nil {
		return err
	}
	for range 4 {
		body, err := anyone.See(ctx, s.picture)
		if err != nil {
			return err
		}
		if config, _, err := image.DecodeConfig(bytes.NewReader(body)); err != nil || config.Width != pictureWidth {
			return fmt.Errorf("GET %s: %w, width %d", s.picture, err, config.Width)
		}
		anyone.CloseIdleConnections()
	}
	return nil
}

// PicturePath is where the picture of an installation is put: of what the first node
// measures.
const PicturePath = "/api/v1/installations/9000/image/"

const pictureWidth = 320

// Picture returns a form with a picture in it.
func Picture() (form []byte, header http.Header, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("image", "room.png")
	if err == nil {
		err = png.Encode(part, image.NewNRGBA(image.Rect(0, 0, pictureWidth, 200)))
	}
	err = errors.Join(err, w.Close())
	return b.Bytes(), http.Header{"Content-Type": {w.FormDataContentType()}}, err
}

// PictureOf returns the address of the picture in an installation's document.
func PictureOf(body []byte) (string, error) {
	var document struct {
		Data struct{ Attributes struct{ Image string } }
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return "", fmt.Errorf("%w: %s", err, body)
	}
	if document.Data.Attributes.Image == "" {
		return "", errors.New("the installation has no picture")
	}
	return document.Data.Attributes.Image, nil
}
