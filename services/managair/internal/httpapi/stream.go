package httpapi

import (
	"context"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

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
		attach(header, mediaCSV, strings.ToLower(doc.One.Type)+"-"+doc.One.ID+".csv")
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
	return a.finishSeries(w, r, out, after, a.read(r, v.series, out))
}

// attach says that the answer is a table, and a file.
func attach(header http.Header, media, name string) {
	if media == mediaCSV {
		media = "text/csv; charset=utf-8; header=present"
	}
	header.Set("Content-Type", media)
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
}

// finishSeries writes the end of a series that was read with err.
func (a *API) finishSeries(w http.ResponseWriter, r *http.Request, out *seriesWriter, after []byte, err error) error {
	if err == nil {
		out.buffer = append(out.buffer, after...)
		err = out.flush()
	}
	if err == nil {
		return nil
	}
	return a.broken(w, r, out.started, err)
}

// broken ends an answer that cannot go on: as an error while nothing of it is out, else so that
// the client does not take a part of it for the whole.
func (a *API) broken(w http.ResponseWriter, r *http.Request, begun bool, err error) error {
	if !begun {
		w.Header().Del("ETag")
		w.Header().Del("Content-Disposition")
		return err
	}
	if r.Context().Err() == nil {
		a.log.WarnContext(r.Context(), "series broken off", "err", err)
	}
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
	leave, err := queue(r, reading)
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
