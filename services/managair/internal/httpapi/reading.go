package httpapi

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

const (
	typeNodeReadings         = "Node-Readings"
	typeInstallationReadings = "Installation-Readings"
)

var (
	latestKnown   = jsonapi.Known{Filters: []string{"from", "to"}, Unpaged: true}
	readingsKnown = jsonapi.Known{Filters: []string{"from", "to"}, Extra: []string{"resolution"}, Unpaged: true}
)

// addReadings adds what nodes measure beside samples: the newest value of each quantity, and
// the series of one.
func (a *API) addReadings(store telemetry.Readings, nodes *resource[inventory.Node, inventory.NodeID], installations *resource[inventory.Installation, int64]) {
	addReadingsOf(a, store, nodes, typeNodeReadings, func(n inventory.Node) readingSource {
		return readingSource{nodeSpans([]inventory.Node{n})[0], true}
	})
	addReadingsOf(a, store, installations, typeInstallationReadings, func(i inventory.Installation) readingSource {
		return readingSource{installationSpans([]inventory.Installation{i})[0], i.NodeAlias != nil}
	})
}

// readingSource is what readings are of. Only members of its organization are told the quantities
// that are for members.
type readingSource struct {
	seriesSpan

	member bool
}

func (s readingSource) tells(q quantity.Quantity) bool { return s.member || !q.MembersOnly }

func addReadingsOf[T any, ID comparable](a *API, store telemetry.Readings, parent *resource[T, ID], typ string, sourceOf func(T) readingSource) {
	// begin answers who may not see the thing, and reads what is asked for.
	begin := func(r *http.Request, v *view, known jsonapi.Known, id ID) (readingSource, telemetry.Span, error) {
		q, err := jsonapi.ParseQuery(r.URL.RawQuery, known)
		if err != nil {
			return readingSource{}, telemetry.Span{}, err
		}
		v.query, v.detail = q, true
		thing, err := parent.repository.Get(r.Context(), v.caller, id)
		if err != nil {
			return readingSource{}, telemetry.Span{}, err
		}
		source := sourceOf(thing)
		span, err := a.readingSpan(v, source.seriesSpan)
		return source, span, err
	}
	path := Base + "/" + parent.path + "/{id}/readings"
	a.add(
		Route{Method: http.MethodGet, Pattern: path, Audience: parent.permissions.Read, Handler: parent.withID(func(w http.ResponseWriter, r *http.Request, id ID) error {
			v := a.newView(r)
			defer v.free()
			source, span, err := begin(r, v, latestKnown, id)
			if err != nil {
				return err
			}
			latest, err := store.LatestReadings(r.Context(), span)
			if err != nil {
				return err
			}
			latest = slices.DeleteFunc(latest, func(l quantity.Reading) bool {
				q, ok := quantity.ByID(l.Quantity)
				return !ok || !source.tells(q) // one of a version to come is told by that
			})
			res := readingsResource(v, typ, parent.path, r.PathValue("id"), "", span)
			add(&res, "latest", jsonapi.Raw(string(appendLatest(nil, latest))))
			return a.respond(w, r, http.StatusOK, v, &jsonapi.Document{One: &res})
		})},
		Route{
			Method: http.MethodGet, Pattern: path + "/{quantity}", Audience: parent.permissions.Read, Media: []string{mediaCSV}, Long: true,
			Handler: parent.withID(func(w http.ResponseWriter, r *http.Request, id ID) error {
				v := a.newView(r)
				defer v.free()
				source, span, err := begin(r, v, readingsKnown, id)
				if err != nil {
					return err
				}
				q, ok := quantity.ByName(r.PathValue("quantity"))
				if !ok || !source.tells(q) {
					return errNotFound()
				}
				res := readingsResource(v, typ, parent.path, r.PathValue("id"), q.Name, span)
				return a.writeReadings(w, r, v, store, &res, span, q)
			}),
		},
	)
}

// readingSpan is the part of a span that is asked for.
func (a *API) readingSpan(v *view, s seriesSpan) (telemetry.Span, error) {
	from, to, err := timeRange(v.query, a.now().UTC().Add(time.Second-time.Nanosecond).Truncate(time.Second))
	if err != nil {
		return telemetry.Span{}, err
	}
	asked := asked{from: from, to: to}
	if err := asked.checkOrder(v); err != nil {
		return telemetry.Span{}, err
	}
	span := telemetry.Span{NodeNo: s.nodeNo, From: from, To: to}
	if s.from.After(from) {
		span.From = s.from
	}
	if s.to != nil && s.to.Before(to) {
		span.To = *s.to
	}
	return span, nil
}

func readingsResource(v *view, typ, path, id, name string, span telemetry.Span) jsonapi.Resource {
	segments := []string{path, id, "readings"}
	if name != "" {
		segments = append(segments, name)
	}
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typ, ID: id},
		Attributes: v.attributes(8, []jsonapi.Attribute{
			{Name: "from_timestamp_s", Value: jsonapi.Int(span.From.Unix())},
			{Name: "to_timestamp_s", Value: jsonapi.Int(span.To.Unix())},
		}),
		Self: v.url(segments...),
	}
}

// writeReadings writes a series while it is read.
func (a *API) writeReadings(w http.ResponseWriter, r *http.Request, v *view, store telemetry.Readings, res *jsonapi.Resource, span telemetry.Span, q quantity.Quantity) error {
	options, err := seriesOptions(v.query)
	if err != nil {
		return err
	}
	describeQuantity(res, q)
	add(res, "points", jsonapi.Hole())
	doc := jsonapi.Document{One: res}
	if err := a.finish(r.Context(), v, &doc); err != nil {
		return err
	}
	out := &seriesWriter{w: newStallGuard(w), format: jsonFormat{}, buffer: make([]byte, 0, chunk+1024)}
	item, after := appendPoint, []byte(nil)
	if Media(r.Context()) == mediaCSV {
		attach(w.Header(), mediaCSV, q.Name+"-"+res.ID+".csv")
		out.format, item = csvFormat{}, appendPointRow
		out.buffer = append(out.buffer, pointHeader(q, options.resolution)...)
	} else {
		var before []byte
		if before, after = doc.Split(); after == nil { // the points are not among the fields that are wanted
			writeBody(w, r, http.StatusOK, before)
			return nil
		}
		w.Header().Set("Content-Type", jsonapi.MediaType)
		out.buffer = append(append(out.buffer, before...), '[')
		after = append([]byte{']'}, after...)
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	reading := a.downloads
	if options.resolution != telemetry.Raw {
		reading = a.charts
	}
	leave, err := queue(r, reading)
	if err != nil {
		return a.broken(w, r, false, err)
	}
	defer leave()
	err = telemetry.ReadingBuckets(r.Context(), store, span, q, options.resolution, func(b telemetry.ReadingBucket) error {
		out.buffer = item(out.separate(), q, options.resolution, b)
		return out.written()
	})
	return a.finishSeries(w, r, out, after, err)
}

func describeQuantity(res *jsonapi.Resource, q quantity.Quantity) {
	add(res, "quantity", jsonapi.String(q.Name))
	add(res, "unit", jsonapi.String(q.Unit))
	add(res, "averaging", jsonapi.String(q.How.String()))
}

// appendLatest appends the newest values as a list.
func appendLatest(dst []byte, latest []quantity.Reading) []byte {
	dst = append(dst, '[')
	for _, r := range latest {
		q, _ := quantity.ByID(r.Quantity)
		if dst[len(dst)-1] == '}' {
			dst = append(dst, ',')
		}
		dst = append(append(dst, `{"quantity":"`...), q.Name...)
		dst = append(append(dst, `","unit":"`...), q.Unit...)
		dst = strconv.AppendInt(append(dst, `","timestamp_s":`...), r.Time.Unix(), 10)
		dst = append(q.Append(append(dst, `,"value":`...), int(r.Steps)), '}')
	}
	return append(dst, ']')
}

// appendPoint appends a point of a series: a value, and of a bucket how many it was made of
// and the outermost.
func appendPoint(dst []byte, q quantity.Quantity, r telemetry.Resolution, b telemetry.ReadingBucket) []byte {
	dst = strconv.AppendInt(append(dst, `{"timestamp_s":`...), b.Start.Unix(), 10)
	dst = q.Append(append(dst, `,"value":`...), int(math.Round(b.Value)))
	if r != telemetry.Raw {
		dst = q.Append(append(dst, `,"min":`...), int(b.Min))
		dst = q.Append(append(dst, `,"max":`...), int(b.Max))
		dst = appendInt(append(dst, `,"count":`...), b.N)
	}
	return append(dst, '}')
}

// pointHeader is the heading of a series as CSV (RFC 4180).
func pointHeader(q quantity.Quantity, r telemetry.Resolution) string {
	if r == telemetry.Raw {
		return "timestamp_s," + q.Name + "\r\n"
	}
	return "timestamp_s," + q.Name + "," + q.Name + "_min," + q.Name + "_max,count\r\n"
}

func appendPointRow(dst []byte, q quantity.Quantity, r telemetry.Resolution, b telemetry.ReadingBucket) []byte {
	dst = strconv.AppendInt(dst, b.Start.Unix(), 10)
	dst = q.Append(append(dst, ','), int(math.Round(b.Value)))
	if r != telemetry.Raw {
		dst = q.Append(append(dst, ','), int(b.Min))
		dst = q.Append(append(dst, ','), int(b.Max))
		dst = appendInt(append(dst, ','), b.N)
	}
	return append(dst, "\r\n"...)
}
