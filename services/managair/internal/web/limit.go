package web

import (
	"net/http"
	"strconv"
)

// TooMany answers a request that comes too often, in plain text.
func TooMany(w http.ResponseWriter, seconds int) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	http.Error(w, http.StatusText(http.StatusTooManyRequests), http.StatusTooManyRequests)
}
