package ttntest

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"time"
)

// token returns an opaque text for the page after a time.
func token(after, before time.Time, limit int) string {
	q := url.Values{
		"after": {after.UTC().Format(time.RFC3339Nano)}, "limit": {strconv.Itoa(limit)}, "order": {"received_at"},
		"before": {before.UTC().Format(time.RFC3339Nano)},
	}
	return base64.RawURLEncoding.EncodeToString([]byte(q.Encode()))
}

func parseToken(s string) (url.Values, error) {
	decoded, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(decoded))
}
