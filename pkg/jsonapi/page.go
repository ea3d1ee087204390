package jsonapi

import (
	"maps"
	"net/url"
	"strconv"
)

// Page is a part of a list, and how to get at the others.
type Page struct {
	// Number is 1-based; Size is 0 when the whole list is one page.
	Number, Size int
	// Count is the number of resources on all pages.
	Count int
	// URL is the address of the list, Query its parameters; those of the page are replaced.
	URL   string
	Query url.Values
}

// Pages returns the number of pages, at least 1.
func (p *Page) Pages() int {
	if p.Size == 0 || p.Count == 0 {
		return 1
	}
	return (p.Count + p.Size - 1) / p.Size
}

func (p *Page) append(dst []byte) []byte {
	last := p.Pages()
	dst = append(dst, `"links":{"first":`...)
	dst = AppendString(dst, p.link(1))
	dst = append(dst, `,"last":`...)
	dst = AppendString(dst, p.link(last))
	dst = append(dst, `,"next":`...)
	dst = p.appendNeighbour(dst, p.Number+1, p.Number < last)
	dst = append(dst, `,"prev":`...)
	dst = p.appendNeighbour(dst, p.Number-1, p.Number > 1)
	dst = append(dst, `},"meta":{"pagination":{"page":`...)
	dst = strconv.AppendInt(dst, int64(p.Number), 10)
	dst = append(dst, `,"pages":`...)
	dst = strconv.AppendInt(dst, int64(last), 10)
	dst = append(dst, `,"count":`...)
	dst = strconv.AppendInt(dst, int64(p.Count), 10)
	return append(dst, "}}"...)
}

func (p *Page) appendNeighbour(dst []byte, number int, exists bool) []byte {
	if !exists {
		return append(dst, "null"...)
	}
	return AppendString(dst, p.link(number))
}

func (p *Page) link(number int) string {
	query := url.Values{}
	maps.Copy(query, p.Query)
	query.Set("page[number]", strconv.Itoa(number))
	return p.URL + "?" + query.Encode()
}
