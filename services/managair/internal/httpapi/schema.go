package httpapi

import (
	"bytes"
	_ "embed"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi/openapi"
)

// schemaPath is where the description is.
const schemaPath = Base + "/schema"

// The pages of the description. Their scripts and styles are served by us: the
// pages work without another server, and tell none who reads them.
const (
	swaggerPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Clair API – Swagger UI</title>
<link rel="stylesheet" href="` + schemaPath + `/files/swagger-ui.css">
<div id="ui"></div>
<script src="` + schemaPath + `/files/swagger-ui.js"></script>
<script src="` + schemaPath + `/files/swagger-start.js"></script>
</html>
`
	swaggerStart = `"use strict";
SwaggerUIBundle({
  url: "` + schemaPath + `/?format=yaml",
  dom_id: "#ui",
  deepLinking: true,
  requestInterceptor(request) {
    const token = document.cookie.match(/(?:^|; )__Host-csrftoken=([^;]*)/) ?? document.cookie.match(/(?:^|; )csrftoken=([^;]*)/);
    if (token) request.headers["X-CSRFToken"] = decodeURIComponent(token[1]);
    return request;
  },
});
`
	redocPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Clair API – ReDoc</title>
<redoc spec-url="` + schemaPath + `/?format=yaml"></redoc>
<script type="module" src="` + schemaPath + `/files/redoc.js"></script>
</html>
`
	// Both build their styles at run time, and ReDoc searches in a worker.
	docsPolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
		"font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)

// started is when the embedded files changed last, for caches.
var started = time.Now()

func (a *API) addSchema() {
	page := func(html string) Handler {
		return func(w http.ResponseWriter, _ *http.Request) error {
			header := w.Header()
			header.Set("Content-Type", "text/html; charset=utf-8")
			header.Set("Content-Security-Policy", docsPolicy)
			header.Set("Cache-Control", "no-cache")
			_, _ = w.Write([]byte(html)) // the client may be gone, and there is nobody else to tell
			return nil
		}
	}
	html := []string{mediaHTML}
	a.add(
		Route{Method: http.MethodGet, Pattern: schemaPath, Audience: access.Everyone, Media: []string{mediaYAML}, Page: true, Handler: func(w http.ResponseWriter, r *http.Request) error {
			media, body := mediaYAML, openapi.YAML()
			format := r.URL.Query().Get("format")
			switch {
			case format == "json", format == "" && Media(r.Context()) == mediaJSON:
				media, body = mediaJSON, openapi.JSON()
			case format == "" && Media(r.Context()) == mediaHTML:
				http.Redirect(w, r, schemaPath+"/swagger-ui/", http.StatusSeeOther)
				return nil
			}
			w.Header().Set("Content-Type", media)
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeContent(w, r, "", started, bytes.NewReader(body))
			return nil
		}},
		Route{Method: http.MethodGet, Pattern: schemaPath + "/swagger-ui", Audience: access.Everyone, Media: html, Page: true, Handler: page(swaggerPage)},
		Route{Method: http.MethodGet, Pattern: schemaPath + "/redoc", Audience: access.Everyone, Media: html, Page: true, Handler: page(redocPage)},
		Route{Method: http.MethodGet, Pattern: schemaPath + "/files/{name}", Audience: access.Everyone, Media: []string{"text/css", "text/javascript"}, Page: true, Handler: serveFile},
	)
}

const mediaYAML = "application/vnd.oai.openapi"

// own are the files that are ours; the others are compressed.
var own = map[string]string{"swagger-start.js": swaggerStart, "browse.js": browseScript, "browse.css": browseStyle, "airfile.css": airFileStyle, "report.css": reportStyle}

// serveFile serves a script or style of the pages.
func serveFile(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	header := w.Header()
	header.Set("Content-Type", "text/javascript; charset=utf-8")
	if strings.HasSuffix(name, ".css") {
		header.Set("Content-Type", "text/css; charset=utf-8")
	}
	header.Set("Cache-Control", "public, max-age=86400")
	if text, ok := own[name]; ok {
		http.ServeContent(w, r, "", started, strings.NewReader(text))
		return nil
	}
	packed, err := fs.ReadFile(openapi.Vendor(), name+".gz")
	if err != nil {
		header.Del("Content-Type")
		return errNotFound()
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		header.Add("Vary", "Accept-Encoding")
		http.ServeContent(w, r, "", started, bytes.NewReader(packed))
		return nil
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	_, err = unpacked.WriteTo(w)
	return err
}

// The browsable pages' own script and style.
var (
	//go:embed browse.js
	browseScript string
	//go:embed browse.css
	browseStyle string
)
