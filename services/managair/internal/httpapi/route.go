package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// Handler answers a request, or returns an error before it has written
// anything; the router shows it as an error document. Errors are
// jsonapi.Errors, inventory violations, or of a fault kind; all others are
// answered 500 and logged.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one method of one address.
type Route struct {
	// Method is GET, POST, PATCH, PUT or DELETE. HEAD comes with GET, OPTIONS by itself.
	Method string
	// Pattern is a path of net/http.ServeMux without the final slash; requests are
	// answered with and without one.
	Pattern string
	// Audience says who may come in at all: everyone, or (if it needs an account)
	// who is logged in. What the caller may see behind the door is decided in the
	// queries.
	Audience access.Audience
	// Media lists further media types that the handler can answer, the best first;
	// Media(ctx) tells which was chosen.
	Media []string
	// Stream marks answers without an end, such as events: they have no time limit
	// and are not shown as a page.
	Stream bool
	// Page marks handlers that make their own pages: nothing is made of their answers.
	Page bool
	// File marks answers that are a file, whatever is asked for: the first of Media.
	File bool
	// Long marks answers that may take minutes, as long as the client goes on reading.
	Long    bool
	Handler Handler
}

// Name returns method and pattern, as they stand in metrics and tests.
func (r Route) Name() string { return r.Method + " " + r.Pattern }

// router dispatches by path, then by method, so that a wrong method is 405 and
// not 404.
type router struct {
	mux *http.ServeMux
	log *slog.Logger
	api *API
}

func newRouter(a *API, routes []Route) http.Handler {
	rt := &router{mux: http.NewServeMux(), log: a.log, api: a}
	byPattern := map[string]map[string]Route{}
	for _, route := range routes {
		methods := byPattern[route.Pattern]
		if methods == nil {
			methods = map[string]Route{}
			byPattern[route.Pattern] = methods
		}
		if _, twice := methods[route.Method]; twice {
			panic("httpapi: two routes for " + route.Name())
		}
		methods[route.Method] = route
	}
	for pattern, methods := range byPattern {
		rt.mux.Handle(pattern, a.metrics.measure(pattern, rt.methods(pattern, methods)))
	}
	rt.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		rt.fail(w, r, errNotFound())
	})
	return rt.clean(rt.mux)
}

// clean makes both slash forms the same address. The predecessor redirected,
// and a redirected POST loses its body.
func (rt *router) clean(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if strings.Contains(path, "//") {
			rt.fail(w, r, errNotFound())
			return
		}
		if len(path) > 1 && strings.HasSuffix(path, "/") {
			r2 := new(http.Request)
			*r2 = *r
			url := *r.URL
			url.Path = path[:len(path)-1]
			url.RawPath = strings.TrimSuffix(url.RawPath, "/")
			r2.URL = &url
			r = r2
		}
		next.ServeHTTP(w, r)
	})
}

func (rt *router) methods(pattern string, methods map[string]Route) http.Handler {
	allowed := []string{http.MethodOptions}
	for method := range methods {
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Allow", allow)
		header.Add("Vary", "Accept, Cookie, Authorization")
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		route, ok := methods[method]
		if !ok {
			if method == http.MethodOptions {
				rt.api.describe(w, r, pattern, methods)
				return
			}
			rt.fail(w, r, jsonapi.Errors{{Status: http.StatusMethodNotAllowed, Reason: reason.MethodNotAllowed, Args: []any{r.Method}}})
			return
		}
		rt.serve(w, r, route)
	})
}

func (rt *router) serve(w http.ResponseWriter, r *http.Request, route Route) {
	media, ok := negotiate(r, route)
	if !ok {
		rt.fail(w, r, jsonapi.Errors{{Status: http.StatusNotAcceptable, Reason: reason.NotAcceptable}})
		return
	}
	if media != jsonapi.MediaType {
		r = r.WithContext(context.WithValue(r.Context(), mediaKey{}, media))
	}
	r, cancel := bounded(r, route)
	defer cancel()
	answer := func(w http.ResponseWriter, r *http.Request) {
		err := atTheDoor(r, route)
		if err == nil {
			err = route.Handler(w, r)
		}
		// A migration locks several tables, and so does a query, in another order. Whoever
		// only reads is asked nothing twice by doing it once more.
		for n := 1; n < attempts && route.Method == http.MethodGet && fault.Is(err, fault.Contended); n++ {
			err = route.Handler(w, r)
		}
		if err != nil {
			if route.Page && likesHTML(r) {
				rt.api.failPage(w, r, route, err)
				return
			}
			rt.fail(w, r, err)
		}
	}
	if media == mediaHTML && !route.Page {
		rt.api.browse(w, r, answer)
		return
	}
	answer(w, r)
}

// attempts bounds how often a question is put to the database that ends it for the sake
// of somebody else.
const attempts = 4

// atTheDoor refuses who may not come in at all.
func atTheDoor(r *http.Request, route Route) error {
	caller := access.CallerFrom(r.Context())
	switch {
	case route.Audience.NeedsAccount() && caller.Anonymous():
		return errNotAuthenticated()
	case caller.ReadOnly && route.Method != http.MethodGet:
		return jsonapi.Errors{{Status: http.StatusForbidden, Reason: reason.ReadOnlyToken}}
	default:
		return nil
	}
}

type mediaKey struct{}

// Media returns the media type that the request's answer shall have.
func Media(ctx context.Context) string {
	if media, ok := ctx.Value(mediaKey{}).(string); ok {
		return media
	}
	return jsonapi.MediaType
}

// fail answers with an error document.
func (rt *router) fail(w http.ResponseWriter, r *http.Request, err error) {
	writeError(w, r, rt.log, err)
}
