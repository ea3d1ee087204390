package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi/openapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// browsed is an answer as a page shows it.
type browsed struct {
	Lang, Method, Path, Query, URL, Title, Summary, User, Allow string
	Bodies                                                      string // JSON by method
	Document                                                    string // HTML
	Status                                                      int
	Cut                                                         bool
	Crumbs                                                      string // HTML
	Methods                                                     []string
}

// maxPage is how much of a document a page shows, in bytes.
const maxPage = 512 << 10

// browsePolicy allows what the pages bring along, and nothing else.
const browsePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// browse shows the answer of a handler as a page for people.
func (a *API) browse(w http.ResponseWriter, r *http.Request, answer func(http.ResponseWriter, *http.Request)) {
	r.Header.Del("If-None-Match") // a page is always sent
	recorded := &pageRecorder{header: w.Header(), status: http.StatusOK}
	recorded.record(r, answer)
	header := w.Header()
	for _, name := range []string{"Content-Length", "Content-Disposition", "ETag"} {
		header.Del(name)
	}
	allow := header.Get("Allow")
	web.Headers(header)
	header.Set("Content-Security-Policy", browsePolicy)

	lang := web.LanguageOf(r)
	pattern := r.Pattern + "/"
	operations := openapi.Read().Paths[pattern]
	page := browsed{
		Lang: lang, Method: r.Method, Path: r.URL.Path + "/", URL: r.URL.Path + "/", Title: title(r.URL.Path), Summary: operations["get"].Summary,
		Allow: allow, Status: recorded.status, Cut: recorded.cut, Crumbs: crumbs(r.URL.Path),
	}
	if r.URL.RawQuery != "" {
		page.Query = "?" + r.URL.RawQuery
		page.URL += page.Query
	}
	if c, ok := session.CurrentFrom(r.Context()); ok {
		page.User = c.User.Username
	}
	page.Methods = []string{http.MethodGet}
	for method := range strings.SplitSeq(allow, ", ") {
		if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions, ""}, method) {
			page.Methods = append(page.Methods, method)
		}
	}
	bodies, err := json.Marshal(sampleBodies(r, operations))
	if err != nil {
		writeError(w, r, a.log, err)
		return
	}
	page.Bodies = string(bodies)
	page.Document = highlight(recorded.body.Bytes())
	var out bytes.Buffer
	if err := browsePage(page).Render(r.Context(), &out); err != nil {
		writeError(w, r, a.log, err)
		return
	}
	w.WriteHeader(recorded.status)
	_, _ = w.Write(out.Bytes()) // the browser may be gone
}

// loginFor is where one logs in and comes back to an address.
func loginFor(address string) string {
	return "/accounts/login/?" + url.Values{"next": {address}}.Encode()
}

// failPage tells people that a page could not be made. Who has not logged in may do so first where that could help:
// links to such pages come by mail. Whether there is anything to see is not told so.
func (a *API) failPage(w http.ResponseWriter, r *http.Request, route Route, err error) {
	errs := errorsOf(r.Context(), a.log, err) // which logs it, once
	status := errs.Status()
	if route.Audience != access.Everyone && access.CallerFrom(r.Context()).Anonymous() &&
		slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, status) {
		address := url.URL{Path: r.URL.Path + "/", RawQuery: r.URL.RawQuery}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, loginFor(address.String()), http.StatusSeeOther)
		return
	}
	a.browse(w, r, func(w http.ResponseWriter, r *http.Request) { writeError(w, r, a.log, errs) })
}

// around returns the page's frame.
func (p browsed) around() web.Frame {
	account := web.Link{Address: loginFor(p.URL), Text: words.ActionLogin.In(p.Lang)}
	if p.User != "" {
		account = web.Link{Address: "/accounts/", Text: words.Account.In(p.Lang) + " " + p.User}
	}
	return web.Frame{
		Lang: p.Lang, Title: p.Method + " " + p.Path + " – Clair API", Sheets: []string{Base + "/schema/files/browse.css"},
		Brand: web.Link{Address: Base + "/", Text: "Clair API"}, BarName: "API",
		Bar: []web.Link{
			{Address: Base + "/schema/swagger-ui/", Text: "Swagger UI"}, {Address: Base + "/schema/redoc/", Text: "ReDoc"}, account,
		},
	}
}

// pageRecorder keeps the beginning of an answer.
type pageRecorder struct {
	header http.Header
	body   bytes.Buffer
	status int
	cut    bool
}

var errPageFull = errors.New("the page is full")

// Header is part of http.ResponseWriter.
func (p *pageRecorder) Header() http.Header { return p.header }

// WriteHeader is part of http.ResponseWriter.
func (p *pageRecorder) WriteHeader(status int) { p.status = status }

func (p *pageRecorder) Write(data []byte) (int, error) {
	if p.body.Len()+len(data) > maxPage {
		p.cut = true
		p.body.Write(data[:maxPage-p.body.Len()])
		return 0, errPageFull
	}
	return p.body.Write(data)
}

// record lets answer write. One that breaks off because the page is full has
// written enough.
func (p *pageRecorder) record(r *http.Request, answer func(http.ResponseWriter, *http.Request)) {
	defer func() {
		if cause := recover(); cause != nil && !p.cut {
			panic(cause)
		}
	}()
	answer(p, r)
}

// crumbs is the path with each of its parts as a link.
func crumbs(path string) string {
	var out strings.Builder
	path = strings.Trim(path, "/")
	for i := range len(path) + 1 {
		if i == len(path) || path[i] == '/' {
			at := path[:i]
			out.WriteString(`/<a href="` + html.EscapeString("/"+at+"/") + `">` + html.EscapeString(at[strings.LastIndexByte(at, '/')+1:]) + `</a>`)
		}
	}
	return out.String()
}

// title is the address as far as it tells one page from another.
func title(path string) string {
	if name := strings.Trim(strings.TrimPrefix(path, Base), "/"); name != "" {
		return name
	}
	return "Clair API"
}

// sampleBodies returns a document to begin with for each method that takes one.
func sampleBodies(r *http.Request, operations map[string]openapi.Operation) map[string]any {
	doc := openapi.Read()
	bodies := map[string]any{}
	for method, operation := range operations {
		media, ok := operation.RequestBody.Content[jsonapi.MediaType]
		if !ok {
			continue
		}
		data := doc.Resolve(media.Schema).Properties["data"]
		resource := map[string]any{"type": data.Properties["type"].Const}
		if id := r.PathValue("id"); id != "" && method != "post" {
			resource["id"] = id
		}
		attributes := map[string]any{}
		for name, schema := range data.Properties["attributes"].Properties {
			switch kind, nullable := schema.Nullable(); {
			case schema.Default != nil:
				attributes[name] = schema.Default
			case nullable:
				attributes[name] = nil
			case kind == "integer":
				attributes[name] = 0
			default:
				attributes[name] = ""
			}
		}
		if len(attributes) > 0 {
			resource["attributes"] = attributes
		}
		relationships := map[string]any{}
		for name, schema := range data.Properties["relationships"].Properties {
			target := schema.Properties["data"]
			if kind, _ := target.Nullable(); kind == "array" {
				relationships[name] = map[string]any{"data": []any{}}
				continue
			}
			relationships[name] = map[string]any{"data": map[string]any{"type": target.Properties["type"].Const, "id": ""}}
		}
		if len(relationships) > 0 {
			resource["relationships"] = relationships
		}
		bodies[strings.ToUpper(method)] = map[string]any{"data": resource}
	}
	return bodies
}

// highlight makes JSON readable: indented, coloured, its addresses as links.
// What is no JSON is shown as it is. Every part that comes from data is escaped.
func highlight(document []byte) string {
	var indented bytes.Buffer
	if err := json.Indent(&indented, document, "", "  "); err != nil {
		return html.EscapeString(string(document))
	}
	var out strings.Builder
	text := indented.String()
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end := i + 1
			for ; text[end] != '"'; end++ {
				if text[end] == '\\' {
					end++
				}
			}
			end++
			writeString(&out, text[i:end], strings.HasPrefix(text[end:], ":"))
			i = end
		case c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z':
			end := i
			for end < len(text) && !strings.ContainsRune(",\n}] ", rune(text[end])) {
				end++
			}
			out.WriteString(`<span class="n">` + html.EscapeString(text[i:end]) + `</span>`)
			i = end
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.String()
}

func writeString(out *strings.Builder, quoted string, key bool) {
	escaped := html.EscapeString(quoted)
	var value string
	switch {
	case key:
		out.WriteString(`<span class="k">` + escaped + `</span>`)
	case json.Unmarshal([]byte(quoted), &value) == nil && (strings.HasPrefix(value, "http://") || strings.HasPrefix(value, "https://")):
		out.WriteString(`<a href="` + html.EscapeString(value) + `">` + escaped + `</a>`)
	default:
		out.WriteString(`<span class="s">` + escaped + `</span>`)
	}
}

// root lists the collections, so that one can find the way from the start.
func (a *API) root(w http.ResponseWriter, r *http.Request) error {
	base := a.BaseURL(r) + Base
	var body []byte
	body = append(body, `{"data":null,"links":{"schema":`...)
	body = jsonapi.AppendString(body, base+"/schema/")
	for _, route := range a.routes {
		name := strings.TrimPrefix(route.Pattern, Base+"/")
		if route.Method != http.MethodGet || route.Page || name == route.Pattern || strings.Contains(name, "/") {
			continue
		}
		body = append(body, ',')
		body = jsonapi.AppendString(body, name)
		body = append(body, ':')
		body = jsonapi.AppendString(body, base+"/"+name+"/")
	}
	writeBody(w, r, http.StatusOK, append(body, "}}"...))
	return nil
}
