package httpapi_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
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

// Deleted is deleted, whichever way the installation goes; and who knows the name of a
// picture from when it was public does not see it when it is private.
func TestPictureGoesWithWhatItShows(t *testing.T) {
	t.Parallel()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	for name, remove := range map[string]string{
		"the installation": "DELETE FROM installation WHERE id = 1",
		"its room":         "DELETE FROM room WHERE id = (SELECT room_id FROM installation WHERE id = 1)",
		"its node":         "DELETE FROM node WHERE id = (SELECT node_id FROM installation WHERE id = 1)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := w.picturePath(t, w.upload(t, "image", picture.Bytes()))
			if rec := w.served(t, path); rec.Code != http.StatusOK {
				t.Fatalf("before: %d", rec.Code)
			}
			if _, err := w.pool.Exec(t.Context(), remove); err != nil {
				t.Fatal(err)
			}
			if rec := w.served(t, path); rec.Code != http.StatusNotFound {
				t.Errorf("after: %d", rec.Code)
			}
		})
	}
}

func TestPictureGetsAnotherNameWhenItBecomesPrivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.pool.Exec(t.Context(), "UPDATE installation SET is_public = true WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	public := w.picturePath(t, w.upload(t, "image", picture.Bytes()))
	got := w.do(t, request{
		user: owner, method: http.MethodPatch, path: "/api/v1/installations/1/",
		body: `{"data":{"type":"Installation","id":"1","attributes":{"is_public":false}}}`,
	})
	private := w.picturePath(t, got)
	if private == public {
		t.Fatal("the name is the same")
	}
	if rec := w.served(t, public); rec.Code != http.StatusNotFound {
		t.Errorf("the old name: %d", rec.Code)
	}
	if rec := w.served(t, private); rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "image/jpeg" {
		t.Errorf("the new name: %d %s", rec.Code, rec.Header().Get("Content-Type"))
	}
	// Another picture has the name of its own file again.
	next := w.picturePath(t, w.upload(t, "image", picture.Bytes()))
	if rec := w.served(t, next); next == private || rec.Code != http.StatusOK {
		t.Errorf("the next picture: %s, %d", next, rec.Code)
	}
	if got := w.do(t, remove(owner, "/api/v1/installations/1/image/", "")); got.status != http.StatusNoContent {
		t.Errorf("delete: %d %s", got.status, got.body)
	}
}

func (w *world) picturePath(t *testing.T, got answer) string {
	t.Helper()
	var doc struct {
		Data struct{ Attributes struct{ Image string } }
	}
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil {
		t.Fatalf("%d %s %v", got.status, got.body, err)
	}
	path := doc.Data.Attributes.Image[max(strings.Index(doc.Data.Attributes.Image, "/media/"), 0):]
	if !strings.HasPrefix(path, "/media/") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return path
}

// Whoever does not send what they announced keeps nobody else from uploading, and of those
// who wait there are not more than there is room for.
func TestUploadsWaitInABoundedQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body, sender := io.Pipe()
	t.Cleanup(func() { _ = sender.Close() })
	codes := make(chan *httptest.ResponseRecorder, 8)
	for range 8 {
		go func() {
			rec := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/api/v1/installations/1/image/", body)
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			w.handler.ServeHTTP(rec, r.WithContext(access.WithCaller(r.Context(), access.Caller{UserID: owner})))
			codes <- rec
		}()
	}
	// One reads, three wait, four are refused at once.
	for range 4 {
		rec := <-codes
		if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" {
			t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
		}
	}
	_ = sender.Close()
	for range 4 {
		if rec := <-codes; rec.Code == http.StatusServiceUnavailable {
			t.Errorf("one that had a place: %d %s", rec.Code, rec.Body)
		}
	}
}
