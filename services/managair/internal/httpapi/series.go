package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
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
	pureKnown   = jsonapi.Known{Filters: []string{"from", "to"}, Extra: []string{"resolution", "max_points"}, Unpaged: true}
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

// askWhen reads the time that the request asks for, and how finely.
func (a *API) askWhen(v *view) (q asked, err error) {
	now := a.now().UTC()
	q.now = now.Truncate(time.Second)
	// The time of a sample is rounded to whole seconds, so that the end of the second that
	// has begun is not later than now.
	if q.from, q.to, err = timeRange(v.query, now.Add(time.Second-time.Nanosecond).Truncate(time.Second)); err != nil {
		return q, err
	}
	q.options, err = seriesOptions(v.query)
	return q, err
}

// ask finds what the spans hold of the time that the request asks for.
func (a *API) ask(ctx context.Context, v *view, spans []seriesSpan) (asked, error) {
	q, err := a.askWhen(v)
	if err != nil {
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
			v.arena.scratch = appendSample(v.arena.scratch[:0], *latest)
			add(r, "latest_sample", jsonapi.Raw(v.arena.string(v.arena.scratch)))
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
	a.add(
		Route{Method: http.MethodGet, Pattern: list, Audience: res.permissions.Read, Handler: func(w http.ResponseWriter, r *http.Request) error {
			return res.list(a, w, r, under{})
		}},
		Route{Method: http.MethodGet, Pattern: list + "/{id}", Audience: res.permissions.Read, Media: []string{mediaCSV}, Long: true, Handler: get},
		Route{Method: http.MethodGet, Pattern: Base + "/" + parent.path + "/{id}/timeseries", Audience: res.permissions.Read, Media: []string{mediaCSV}, Long: true, Handler: get},
		Route{Method: http.MethodGet, Pattern: Base + "/" + parent.path + "/{id}/timeseries.csv", Audience: res.permissions.Read, Media: []string{mediaCSV}, File: true, Long: true, Handler: get},
	)
}

// decorateSeries adds to a series what it holds. The bounds are those asked for, and where
// none is, those of the installation.
func (a *API) decorateSeries(ctx context.Context, v *view, spans []seriesSpan, resources []jsonapi.Resource) error {
	asked, err := a.ask(ctx, v, spans)
	if err == nil {
		err = asked.checkOrder(v)
	}
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
		wrong := &jsonapi.Error{Status: 400, Parameter: "filter[" + end.name + "]"}
		switch {
		case err != nil && !errors.Is(err, strconv.ErrRange):
			wrong.Reason = reason.InvalidInteger
		case seconds < -inventory.MaxMoment:
			wrong.Reason, wrong.Args = reason.MinValue, []any{-inventory.MaxMoment}
		case seconds > inventory.MaxMoment:
			wrong.Reason, wrong.Args = reason.MaxValue, []any{inventory.MaxMoment}
		default:
			*end.dst = time.Unix(max(seconds, 0), 0).UTC()
			continue
		}
		errs = append(errs, wrong)
	}
	if len(errs) > 0 {
		return from, to, errs
	}
	return from, to, nil
}

// checkOrder refuses an end before the start, where the series is all that is asked for. A
// document that has more to tell says that there is nothing, as it always did.
func (q *asked) checkOrder(v *view) error {
	if _, given := v.query.Filter["to"]; given && q.to.Before(q.from) {
		return jsonapi.Errors{{Status: http.StatusBadRequest, Parameter: "filter[to]", Reason: reason.EndsBeforeStart}}
	}
	return nil
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
