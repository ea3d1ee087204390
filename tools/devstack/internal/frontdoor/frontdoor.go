// Package frontdoor stands where the reverse proxy and nginx stand in production:
// it serves the built pages of the web frontend and passes on what managair
// answers, so that both have one origin, as their cookies and policies want it.
package frontdoor

import (
	"fmt"
	"mime"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// What a page may load: only what comes from here, and neither script nor style
// in the page itself. The same words stand in the frontend's nginx configuration.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; " +
	"img-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'"

// permissions stands in the nginx configuration, too.
const permissions = "camera=(), geolocation=(self), microphone=(), payment=(), usb=()"

var (
	managairs = regexp.MustCompile(`^/(api|accounts|admin|ingest|media|\.well-known)(/|$)`)
	// framed are the pages that may stand in frames of other sites.
	framed = regexp.MustCompile(`^/(embed|widget)(/|$)`)
)

// element is the file of the custom element, which pages of others load by its name.
const element = "/clair-room.js"

// New returns a handler for the pages in dist, a folder made by
// "tools/dev/frontend.sh build", and for managair behind them. With an empty dist
// there is managair alone, and its API takes the place of the start page.
func New(dist string, managair *url.URL) (http.Handler, error) {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(managair)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
	}
	if dist == "" {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, "/api/v1/", http.StatusTemporaryRedirect)
				return
			}
			proxy.ServeHTTP(w, r)
		}), nil
	}
	index := filepath.Join(dist, "index.html")
	if _, err := os.Stat(index); err != nil {
		return nil, fmt.Errorf("the web frontend is not built: %w", err)
	}
	root, err := os.OpenRoot(dist)
	if err != nil {
		return nil, err
	}
	files := &files{root: root}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if managairs.MatchString(r.URL.Path) {
			proxy.ServeHTTP(w, r)
			return
		}
		files.ServeHTTP(w, r)
	}), nil
}

// files serves the pages: a path with an extension is a file, anything else is
// one of the pages, which index.html knows.
type files struct{ root *os.Root }

func (f *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name := path.Clean("/" + r.URL.Path)
	if path.Ext(name) == "" {
		name = "/index.html"
	}
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Permissions-Policy", permissions)
	header.Set("Referrer-Policy", "same-origin")
	switch {
	case strings.HasPrefix(name, "/assets/"):
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	case name == element:
		header.Set("Cache-Control", "public, max-age=3600")
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	default:
		header.Set("Cache-Control", "no-cache")
		ancestors := "'self'"
		if framed.MatchString(r.URL.Path) {
			ancestors = "*"
		}
		header.Set("Content-Security-Policy", contentSecurityPolicy+"; frame-ancestors "+ancestors)
	}
	f.serve(w, r, name)
}

// serve prefers what the build has compressed beside the file.
func (f *files) serve(w http.ResponseWriter, r *http.Request, name string) {
	relative := strings.TrimPrefix(name, "/")
	header := w.Header()
	header.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && r.Header.Get("Range") == "" {
		if file, at, ok := f.open(relative + ".gz"); ok {
			defer file.Close() //nolint:errcheck // only read
			header.Set("Content-Encoding", "gzip")
			header.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
			http.ServeContent(w, r, name, at, file)
			return
		}
	}
	file, at, ok := f.open(relative)
	if !ok {
		header.Del("Cache-Control")
		http.NotFound(w, r)
		return
	}
	defer file.Close() //nolint:errcheck // only read
	http.ServeContent(w, r, name, at, file)
}

func (f *files) open(name string) (*os.File, time.Time, bool) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, time.Time{}, false
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		return nil, time.Time{}, false
	}
	return file, info.ModTime(), true
}
