package httpapi_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// upload puts data as the picture of installation 1.
func (w *world) upload(t *testing.T, field string, data []byte) answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(field, "raum.png")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return w.do(t, request{
		user: owner, method: http.MethodPut, path: "/api/v1/installations/1/image/", body: body.String(),
		header: map[string]string{"Content-Type": form.FormDataContentType()},
	})
}

// served asks for a picture.
func (w *world) served(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /media/{name}", w.api.ServeMedia)
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	return rec
}

func TestPictureOfAnInstallation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	got := w.upload(t, "image", picture.Bytes())
	var doc struct {
		Data struct{ Attributes struct{ Image string } }
	}
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil || !strings.HasPrefix(doc.Data.Attributes.Image, "/media/") {
		t.Fatalf("%d %s %v", got.status, got.body, err)
	}
	path := doc.Data.Attributes.Image
	if inside := w.get(t, anonymous, "/api/v1/installations/1/"); !strings.Contains(inside.body, `"image":"http://h`+path+`"`) {
		t.Errorf("the installation has no picture: %s", inside.body)
	}
	rec := w.served(t, path)
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "image/jpeg" || !strings.Contains(rec.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("GET %s: %d %v", path, rec.Code, rec.Header())
	}
	if got := w.upload(t, "other", picture.Bytes()); got.status != http.StatusOK || !strings.Contains(got.body, path) {
		t.Errorf("without the field nothing changes: %d %s", got.status, got.body)
	}
	if got := w.upload(t, "image", []byte("kein Bild")); got.status != http.StatusBadRequest || !strings.Contains(got.body, `"pointer":"/data/attributes/image"`) {
		t.Errorf("what is no picture: %d %s", got.status, got.body)
	}
	if got := w.upload(t, "image", make([]byte, 11<<20)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("what is too large: %d %.200s", got.status, got.body)
	}
	if rec := w.served(t, path); rec.Code != http.StatusOK {
		t.Errorf("a failed upload took the picture away: %d", rec.Code)
	}
	if got := w.do(t, remove(owner, "/api/v1/installations/1/image/", "")); got.status != http.StatusNoContent {
		t.Errorf("delete: %d %s", got.status, got.body)
	}
	if rec := w.served(t, path); rec.Code != http.StatusNotFound {
		t.Errorf("a deleted picture: %d", rec.Code)
	}
}
