package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/turn"
)

// Types of resources that are series.
const (
	typeNodeSeries         = "Node-Timeseries"
	typeInstallationSeries = "Installation-Timeseries"
)

// What resources with samples know when they are asked for by id, and what
// series know.
var (
	seriesKnown = jsonapi.Known{Filters: []string{"from", "to"}, Extra: []string{"include_timeseries", "resolution", "max_points"}}
	pureKnown   = jsonapi.Known{Filters: []string{"from", "to"}, Extra: []string{"resolution", "max_points"}}
)

// series is what a document's hole is filled with.
type series struct {
	span       telemetry.Span
	summary    telemetry.Summary
	resolution telemetry.Resolution
	maxPoints  int // 0: all
	// etag tells one content of the answer from another.
	etag string
}

// seriesSpan is the span of samples that belongs to a node or installation.
type seriesSpan struct {
	nodeNo int32
	from   time.Time  // zero: all
	to     *time.Time // nil: until now
}

func nodeSpans(nodes []inventory.Node) []seriesSpan {
	spans := make([]seriesSpan, len(nodes))
	for i := range nodes {
		spans[i] = seriesSpan{nodeNo: nodes[i].No}
	}
	return spans
}

func installationSpans(installations []inventory.Installation) []seriesSpan {
	spans := make([]seriesSpan, len(installations))
	for i := range installations {
		spans[i] = seriesSpan{nodeNo: installations[i].NodeNo, from: installations[i].From, to: installations[i].To}
	}
	return spans
}

// asked is what a request asks for of series, and the answers in short.
type asked struct {
	now, from, to time.Time
	options       *series
	wanted        []telemetry.Span
	sums          []telemetry.Summary
}

// ask finds what the spans hold of the time that the request asks for.
func (a *API) ask(ctx context.Context, v *view, spans []seriesSpan) (q asked, err error) {
	now := a.now().UTC()
	q.now = now.Truncate(time.Second)
	// The time of a sample is rounded to whole seconds, so that the end of the second that
	// has begun is not later than now.
	if q.from, q.to, err = timeRange(v.query, now.Add(time.Second-time.Nanosecond).Truncate(time.Second)); err != nil {
		return q, err
	}
	if q.options, err = seriesOptions(v.query); err != nil {
		return q, err
	}
	q.wanted = make([]telemetry.Span, len(spans))
	for i, s := range spans {
		q.wanted[i] = telemetry.Span{NodeNo: s.nodeNo, From: q.from, To: q.to}
		if s.from.After(q.from) {
			q.wanted[i].From = s.from
		}
		if s.to != nil && s.to.Before(q.to) {
			q.wanted[i].To = *s.to
		}
	}
	q.sums, err = a.telemetry.Summaries(ctx, q.wanted, v.detail)
	return q, err
}

// stream has the samples of a resource written into the hole that its document has.
func (q *asked) stream(v *view, r *jsonapi.Resource, i int) {
	v.series = q.options
	v.series.span, v.series.summary = q.wanted[i], q.sums[i]
	v.series.etag = entityTag(r, v.series)
}

func add(r *jsonapi.Resource, name string, value jsonapi.Value) {
	r.Attributes = append(r.Attributes, jsonapi.Attribute{Name: name, Value: value})
}

func (a *API) decorateNodes(ctx context.Context, v *view, nodes []inventory.Node, resources []jsonapi.Resource) error {
	return a.decorate(ctx, v, nodeSpans(nodes), resources, false)
}

func (a *API) decorateInstallations(ctx context.Context, v *view, installations []inventory.Installation, resources []jsonapi.Resource) error {
	return a.decorate(ctx, v, installationSpans(installations), resources, true)
}

// decorate adds what is known of the samples: count, latest, and in details on
// request the series itself.
func (a *API) decorate(ctx context.Context, v *view, spans []seriesSpan, resources []jsonapi.Resource, installed bool) error {
	asked, err := a.ask(ctx, v, spans)
	if err != nil {
		return err
	}
	for i := range resources {
		r := &resources[i]
		add(r, "sample_count", jsonapi.Int(asked.sums[i].Count))
		if latest := asked.sums[i].Latest; latest != nil {
			v.parts.scratch = appendSample(v.parts.scratch[:0], *latest)
			add(r, "latest_sample", jsonapi.Raw(v.parts.string(v.parts.scratch)))
		} else if installed {
			add(r, "latest_sample", jsonapi.Null())
		}
		if v.detail && !installed {
			first, last := asked.from, asked.to
			if asked.sums[i].First != nil {
				first, last = *asked.sums[i].First, asked.sums[i].Latest.Time
			}
			add(r, "from_timestamp_s", jsonapi.Int(first.Unix()))
			add(r, "to_timestamp_s", jsonapi.Int(last.Unix()))
		}
		if v.detail && truth(v.query.Extra["include_timeseries"]) {
			asked.stream(v, r, i)
			add(r, "timeseries", jsonapi.Hole())
		}
		if v.detail || installed {
			add(r, "query_timestamp_s", jsonapi.Int(asked.now.Unix()))
		}
	}
	return nil
}

// addSeries adds the resources that are series: lists of them, single ones, and
// those of a node or installation, also as CSV.
func (a *API) addSeries(nodes *resource[inventory.Node, inventory.NodeID], installations *resource[inventory.Installation, int64]) {
	nodeSeries := *nodes
	nodeSeries.typ, nodeSeries.path = typeNodeSeries, "node-timeseries"
	nodeSeries.decode, nodeSeries.takeID = nil, nil
	nodeSeries.detail = pureKnown
	nodeSeries.filters = append(slices.Clone(nodes.filters), pureKnown.Filters...)
	nodeSeries.show = func(v *view, n *inventory.Node) jsonapi.Resource {
		id := n.ID.String()
		return jsonapi.Resource{
			Identifier:    jsonapi.Identifier{Type: typeNodeSeries, ID: id},
			Attributes:    v.attributes(4, []jsonapi.Attribute{{Name: "node_alias", Value: jsonapi.String(n.Alias)}}),
			Self:          v.url("node-timeseries", id),
			Relationships: v.relationships([]jsonapi.Relationship{{Name: "node", Linkage: jsonapi.ToOne(typeNode, id), Related: v.url("nodes", id)}}),
		}
	}
	nodeSeries.decorate = func(ctx context.Context, v *view, things []inventory.Node, resources []jsonapi.Resource) error {
		return a.decorateSeries(ctx, v, nodeSpans(things), resources)
	}

	installationSeries := *installations
	installationSeries.typ, installationSeries.path = typeInstallationSeries, "installation-timeseries"
	installationSeries.decode = nil
	installationSeries.detail = pureKnown
	installationSeries.filters = append(slices.Clone(installations.filters), pureKnown.Filters...)
	installationSeries.show = func(v *view, i *inventory.Installation) jsonapi.Resource {
		id := v.id(i.ID)
		return jsonapi.Resource{
			Identifier: jsonapi.Identifier{Type: typeInstallationSeries, ID: id},
			Attributes: v.attributes(4, []jsonapi.Attribute{
				{Name: "node_alias", Value: jsonapi.OptString(i.NodeAlias)},
				{Name: "node_id", Value: jsonapi.String(i.NodeID.String())},
			}),
			Self:          v.url("installation-timeseries", id),
			Relationships: v.relationships([]jsonapi.Relationship{{Name: "installation", Linkage: jsonapi.ToOne(typeInstallation, id), Related: v.url("installations", id)}}),
		}
	}
	installationSeries.decorate = func(ctx context.Context, v *view, things []inventory.Installation, resources []jsonapi.Resource) error {
		return a.decorateSeries(ctx, v, installationSpans(things), resources)
	}
	addSeriesRoutes(a, nodes, &nodeSeries)
	addSeriesRoutes(a, installations, &installationSeries)
}

func addSeriesRoutes[T any, ID comparable](a *API, parent, res *resource[T, ID]) {
	list := Base + "/" + res.path
	get := res.withID(func(w http.ResponseWriter, r *http.Request, id ID) error { return res.get(a, w, r, id) })
	csv := func(w http.ResponseWriter, r *http.Request) error {
		return get(w, r.WithContext(context.WithValue(r.Context(), mediaKey{}, mediaCSV)))
	}
	a.add(
		Route{Method: http.MethodGet, Pattern: list, Audience: res.permissions.Read, Handler: func(w http.ResponseWriter, r *http.Request) error {
			return res.list(a, w, r, under{})
		}},
		Route{Method: http.MethodGet, Pattern: list + "/{id}", Audience: res.permissions.Read, Media: []string{mediaCSV}, Long: true, Handler: get},
		Route{Method: http.MethodGet, Pattern: Base + "/" + parent.path + "/{id}/timeseries", Audience: res.permissions.Read, Media: []string{mediaCSV}, Long: true, Handler: get},
		Route{Method: http.MethodGet, Pattern: Base + "/" + parent.path + "/{id}/timeseries.csv", Audience: res.permissions.Read, Media: []string{mediaCSV}, Long: true, Handler: csv},
	)
}

// decorateSeries adds to a series what it holds. The bounds are those asked for, and where
// none is, those of the installation.
func (a *API) decorateSeries(ctx context.Context, v *view, spans []seriesSpan, resources []jsonapi.Resource) error {
	asked, err := a.ask(ctx, v, spans)
	if err != nil {
		return err
	}
	for i := range resources {
		r := &resources[i]
		add(r, "sample_count", jsonapi.Int(asked.sums[i].Count))
		if v.detail {
			asked.stream(v, r, i)
		}
		from, to := asked.wanted[i].From, asked.wanted[i].To
		if v.query.Filter["from"] != "" {
			from = asked.from
		}
		if v.query.Filter["to"] != "" {
			to = asked.to
		}
		add(r, "from_timestamp_s", jsonapi.Int(from.Unix()))
		add(r, "to_timestamp_s", jsonapi.Int(to.Unix()))
		add(r, "query_timestamp_s", jsonapi.Int(asked.now.Unix()))
		if v.detail {
			add(r, "samples", jsonapi.Hole())
		}
	}
	return nil
}

// timeRange returns the span that the filters ask for; both ends are included.
// It ends now when nothing else is said.
func timeRange(q jsonapi.Query, now time.Time) (from, to time.Time, err error) {
	from, to = time.Unix(0, 0).UTC(), now
	var errs jsonapi.Errors
	for _, end := range []struct {
		name string
		dst  *time.Time
	}{{"from", &from}, {"to", &to}} {
		text, given := q.Filter[end.name]
		if !given {
			continue
		}
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds < -inventory.MaxMoment || seconds > inventory.MaxMoment {
			errs = append(errs, &jsonapi.Error{Status: 400, Reason: reason.InvalidInteger, Parameter: "filter[" + end.name + "]"})
			continue
		}
		*end.dst = time.Unix(max(seconds, 0), 0).UTC()
	}
	if len(errs) > 0 {
		return from, to, errs
	}
	return from, to, nil
}

var resolutions = map[string]telemetry.Resolution{
	"": telemetry.Raw, "raw": telemetry.Raw, "10m": telemetry.TenMinutes, "1h": telemetry.Hour, "1d": telemetry.Day,
}

func seriesOptions(q jsonapi.Query) (*series, error) {
	var s series
	var errs jsonapi.Errors
	var ok bool
	if s.resolution, ok = resolutions[q.Extra["resolution"]]; !ok {
		errs = append(errs, &jsonapi.Error{
			Status: 400, Reason: reason.InvalidChoice, Parameter: "resolution",
			Args: []any{q.Extra["resolution"], "raw, 10m, 1h, 1d"},
		})
	}
	if text, given := q.Extra["max_points"]; given {
		n, err := strconv.Atoi(text)
		switch {
		case err != nil:
			errs = append(errs, &jsonapi.Error{Status: 400, Reason: reason.InvalidInteger, Parameter: "max_points"})
		case n < telemetry.MinPoints:
			errs = append(errs, &jsonapi.Error{Status: 400, Reason: reason.MinValue, Parameter: "max_points", Args: []any{telemetry.MinPoints}})
		case n > telemetry.MaxPoints:
			errs = append(errs, &jsonapi.Error{Status: 400, Reason: reason.MaxValue, Parameter: "max_points", Args: []any{telemetry.MaxPoints}})
		default:
			s.maxPoints = n
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return &s, nil
}

// truth reads a switch: anything but nothing and the words for no.
func truth(value string) bool {
	return !slices.Contains([]string{"", "0", "false", "no", "off", "n", "f"}, strings.ToLower(value))
}

// chunk is how much of a series is gathered before it is written, in bytes. It
// bounds the memory of a request, whatever the length of its series.
const chunk = 32 << 10

// stream writes a document whose series is read while it is written.
func (a *API) stream(w http.ResponseWriter, r *http.Request, v *view, doc *jsonapi.Document) error {
	out := &seriesWriter{w: newStallGuard(w), format: jsonFormat{}, buffer: make([]byte, 0, chunk+1024)}
	header := w.Header()
	var after []byte
	switch media := Media(r.Context()); media {
	case mediaCSV:
		out.format = csvFormat{}
		header.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		header.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", strings.ToLower(doc.One.Type)+"-"+doc.One.ID+".csv"))
		out.buffer = out.format.header(out.buffer, v.series.resolution)
	default:
		var before []byte
		if before, after = doc.Split(); after == nil { // the series is not among the fields that are wanted
			writeBody(w, r, http.StatusOK, before)
			return nil
		}
		if media != mediaJSON {
			media = jsonapi.MediaType
		}
		header.Set("Content-Type", media)
		out.buffer = append(append(out.buffer, before...), '[')
		after = append([]byte{']'}, after...)
	}
	header.Set("ETag", v.series.etag)
	header.Set("Cache-Control", "private, no-cache")
	if matches(r.Header.Get("If-None-Match"), v.series.etag) {
		header.Del("Content-Disposition")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	err := a.read(r, v.series, out)
	if err == nil {
		out.buffer = append(out.buffer, after...)
		err = out.flush()
	}
	if err == nil {
		return nil
	}
	if !out.started {
		header.Del("ETag")
		header.Del("Content-Disposition")
		return err
	}
	if r.Context().Err() == nil {
		a.log.WarnContext(r.Context(), "series broken off", "err", err)
	}
	// A part of it is out: the client must not take it for the whole.
	panic(http.ErrAbortHandler)
}

// longSeries is the number of samples from which on reading a series is a long read.
const longSeries = 5000

// read hands the series to out, when it is its turn.
func (a *API) read(r *http.Request, s *series, out *seriesWriter) error {
	ctx := r.Context()
	reading := a.downloads
	switch {
	case s.resolution != telemetry.Raw && s.resolution != telemetry.TenMinutes, s.summary.Count < longSeries:
		return s.read(ctx, a.telemetry, out)
	case s.maxPoints > 0, s.figures():
		reading = a.charts
	}
	leave, err := reading.Enter(ctx, clientOf(r), turn.Ordinary)
	if err != nil {
		return err
	}
	defer leave()
	return s.read(ctx, a.telemetry, out)
}

// figures reports whether these are the figures of a chart: buckets of ten minutes, no more
// than it may have points.
func (s *series) figures() bool {
	length := int64(time.Duration(telemetry.TenMinutes) / time.Second)
	return s.resolution == telemetry.TenMinutes && s.maxPoints == 0 &&
		s.last().Unix()/length-s.first().Unix()/length < telemetry.MaxPoints
}

// read hands the series to out.
func (s *series) read(ctx context.Context, store telemetry.Store, out *seriesWriter) error {
	switch {
	case s.figures():
		return s.gather(ctx, store, out)
	case s.resolution != telemetry.Raw && s.maxPoints == 0:
		return telemetry.Buckets(ctx, store, s.span, s.resolution, out.bucket)
	case s.resolution != telemetry.Raw:
		return thin(s, func(b telemetry.Bucket) (int64, int) { return b.Start.Unix(), b.CO2.Mean() }, out.bucket,
			func(yield func(telemetry.Bucket) error) error {
				return telemetry.Buckets(ctx, store, s.span, s.resolution, yield)
			})
	case s.maxPoints > 0 && s.summary.Count > int64(s.maxPoints):
		return thin(s, func(m measurement.Sample) (int64, int) { return m.Time.Unix(), m.CO2PPM }, out.sample,
			func(yield func(measurement.Sample) error) error { return store.Samples(ctx, s.span, yield) })
	default:
		return store.Samples(ctx, s.span, out.sample)
	}
}

// thin hands on as many of the points that are read as a chart has room for; of says
// where a point is.
func thin[P any](s *series, of func(P) (int64, int), out func(P) error, read func(func(P) error) error) error {
	d := telemetry.NewDownsampler(s.first(), s.last(), s.maxPoints, of)
	err := read(func(p P) error {
		d.Add(p)
		return nil
	})
	if err != nil {
		return err
	}
	return handOn(d.Points(), out)
}

// gather reads to the end before anything is written: a slow client keeps no connection to the database.
func (s *series) gather(ctx context.Context, store telemetry.Store, out *seriesWriter) error {
	var all []telemetry.Bucket
	err := telemetry.Buckets(ctx, store, s.span, s.resolution, func(b telemetry.Bucket) error {
		all = append(all, b)
		return nil
	})
	if err != nil {
		return err
	}
	return handOn(all, out.bucket)
}

func handOn[P any](points []P, out func(P) error) error {
	for _, p := range points {
		if err := out(p); err != nil {
			return err
		}
	}
	return nil
}

// first and last are the outermost samples, so that the chart's width is that of
// the series, not of the years that were asked for.
func (s *series) first() time.Time {
	if s.summary.First == nil {
		return s.span.From
	}
	return *s.summary.First
}

func (s *series) last() time.Time {
	if s.summary.Latest == nil {
		return s.span.To
	}
	return s.summary.Latest.Time
}

// seriesWriter gathers a series in chunks.
type seriesWriter struct {
	w       io.Writer
	format  seriesFormat
	buffer  []byte
	some    bool // there was an item
	started bool // something is out
}

func (sw *seriesWriter) sample(s measurement.Sample) error {
	sw.buffer = sw.format.sample(sw.separate(), s)
	return sw.written()
}

func (sw *seriesWriter) bucket(b telemetry.Bucket) error {
	sw.buffer = sw.format.bucket(sw.separate(), b)
	return sw.written()
}

func (sw *seriesWriter) separate() []byte {
	if sw.some {
		return sw.format.separate(sw.buffer)
	}
	sw.some = true
	return sw.buffer
}

func (sw *seriesWriter) written() error {
	if len(sw.buffer) < chunk {
		return nil
	}
	return sw.flush()
}

func (sw *seriesWriter) flush() error {
	sw.started = true
	_, err := sw.w.Write(sw.buffer)
	sw.buffer = sw.buffer[:0]
	return err
}

// appendSample appends the JSON object of a sample.
func appendSample(dst []byte, s measurement.Sample) []byte { return jsonFormat{}.sample(dst, s) }
