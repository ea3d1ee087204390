package httpapi

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
)

// The media types of answers beside jsonapi.MediaType.
const (
	mediaJSON = "application/json"
	mediaHTML = "text/html"
	mediaCSV  = "text/csv"
)

// negotiate chooses the media type of the answer. Without a preference it is
// JSON:API; a route's own types come after it.
func negotiate(r *http.Request, route Route) (string, bool) {
	if route.File {
		return route.Media[0], true
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if accept == "" || accept == "*/*" || accept == jsonapi.MediaType {
		return jsonapi.MediaType, true
	}
	offers := append([]string{jsonapi.MediaType, mediaJSON}, route.Media...)
	if route.Page {
		offers = append(slices.Clone(route.Media), mediaJSON, mediaHTML, jsonapi.MediaType)
	} else if !route.Stream && route.Method == http.MethodGet {
		offers = append(offers, mediaHTML)
	}
	return chooseMedia(accept, offers)
}

// likesHTML reports whether a page is liked better than a document, as it is by browsers. What answers a file asks nothing of that.
func likesHTML(r *http.Request) bool {
	media, _ := chooseMedia(strings.Join(r.Header.Values("Accept"), ","), []string{jsonapi.MediaType, mediaJSON, mediaHTML})
	return media == mediaHTML
}

// chooseMedia picks from offers, the best first, what an Accept header likes most.
func chooseMedia(accept string, offers []string) (string, bool) {
	best, bestQuality, bestSpecificity := "", 0.0, -1
	for part := range strings.SplitSeq(accept, ",") {
		// A parameter that we do not know does not make a type another one.
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, ok := params["q"]; ok {
			if quality, err = strconv.ParseFloat(q, 64); err != nil || quality > 1 {
				continue
			}
		}
		if quality <= 0 {
			continue
		}
		for _, offer := range offers {
			specificity := matchMedia(media, offer)
			if specificity >= 0 && (quality > bestQuality || quality == bestQuality && specificity > bestSpecificity) {
				best, bestQuality, bestSpecificity = offer, quality, specificity
				break
			}
		}
	}
	return best, best != ""
}

// matchMedia returns -1 when the range does not contain the type, else how
// precisely it names it.
func matchMedia(mediaRange, media string) int {
	switch {
	case mediaRange == media:
		return 2
	case mediaRange == "*/*":
		return 0
	case strings.HasSuffix(mediaRange, "/*") && strings.HasPrefix(media, mediaRange[:len(mediaRange)-1]):
		return 1
	default:
		return -1
	}
}
