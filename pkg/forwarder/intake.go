package forwarder

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// Bounds of the ingestion service.
const (
	maxEnvelope = 64 << 10
	maxPayload  = 255
)

// intake turns messages into entries of the outbox.
type intake struct {
	service string
	log     *slog.Logger
	metrics *metrics
	network network
	codecs  codecs
	outbox  *outbox
	repeats repeats
	told    told // of what is kept
	noted   told // of what is read
	clock   *ownClock
	now     func() time.Time
	// configurator sees every uplink that was decoded, before it is stored; may be nil.
	configurator *configurator
}

// codecs chooses the codec of a device.
type codecs struct {
	standard  codec.Decoder
	byProfile map[string]codec.Decoder
}

func newCodecs(standard codec.Decoder, byProfile map[string]string) (codecs, error) {
	c := codecs{standard, map[string]codec.Decoder{}}
	for profile, name := range byProfile {
		d, err := catalog.Find(name)
		if err != nil {
			return c, err
		}
		c.byProfile[profile] = d
	}
	return c, nil
}

func (c codecs) of(u *lorawan.Uplink) codec.Decoder {
	if d, ok := c.byProfile[u.Profile]; ok {
		return d
	}
	return c.standard
}

// receive takes a message, and the topic or query that it came by. done is told what became
// of it: once, maybe before receive returns. It never blocks.
func (in *intake) receive(ctx context.Context, source ingestv1.Source, by string, message []byte, done func(fate)) {
	now := in.now()
	u, err := in.network.parseUplink(message, by, now)
	if event, ok := errors.AsType[*lorawan.OtherEvent](err); ok {
		in.metrics.events.WithLabelValues(event.Kind).Inc()
		in.tellStatus(ctx, source, event.Status, done)
		return
	}
	if err == nil {
		in.clock.observe(source, &u, now)
	}
	name := sourceName(source)
	count := func(result string) { in.metrics.uplinks.WithLabelValues(name, result).Inc() }
	if err == nil && u.Simulated {
		// Somebody tries out the way; no sensor has measured that.
		in.log.InfoContext(ctx, "simulated uplink arrived; it is not stored", "dev_eui", u.DevEUI, "device_id", u.DeviceID)
		count(resultSimulated)
		finish(done, refused)
		return
	}
	if !in.network.takes(&u) {
		// Whoever has the webhook's secret may say anything, and what an application says
		// decides who may register its devices.
		in.log.WarnContext(ctx, "uplink of another application refused", "application", u.Application, "dev_eui", u.DevEUI, "device_id", u.DeviceID)
		count(resultForeign)
		finish(done, foreign)
		return
	}
	e, result, err := in.entry(ctx, source, &u, message, err)
	if err != nil {
		// It cannot happen: all texts are valid UTF-8.
		in.log.ErrorContext(ctx, "uplink dropped: it cannot be encoded", "source_name", name, "err", err)
		count(resultDropped)
		finish(done, refused)
		return
	}
	e.received, e.done = now, done
	if !in.outbox.put(e) {
		count(resultDropped)
		finish(done, dropped)
		return
	}
	count(result)
}

// tellStatus hands on what a device has told the network server of its state, which is of the
// node as well as what an uplink without measurements tells.
func (in *intake) tellStatus(ctx context.Context, source ingestv1.Source, s *lorawan.DeviceStatus, done func(fate)) {
	if s == nil {
		finish(done, refused)
		return
	}
	u := &lorawan.Uplink{
		DevEUI: s.DevEUI, DeviceID: s.DeviceID, Application: s.Application, Profile: s.Profile,
		ReceivedAt: s.ReceivedAt, BatteryPercent: s.BatteryPercent,
	}
	if !in.network.takes(u) {
		finish(done, refused)
		return
	}
	in.metrics.margin.Observe(float64(s.MarginDB))
	told := ingestclient.Uplink(u, in.codecs.of(u), codec.Message{}, source)
	told.Metadata.FCnt = nil // it is no frame, of which some may be missing
	e, err := encodeEntry(told, nil)
	if err != nil {
		in.log.ErrorContext(ctx, "status dropped: it cannot be encoded", "dev_eui", s.DevEUI, "err", err)
		finish(done, refused)
		return
	}
	e.received, e.done = in.now(), done
	if !in.outbox.put(e) {
		finish(done, dropped)
	}
}

func finish(done func(fate), f fate) {
	if done != nil {
		done(f)
	}
}

// entry makes an entry of an uplink, or of what could be read of it. One without
// measurements is handed on as well: the node was heard, and told how it was heard.
func (in *intake) entry(ctx context.Context, source ingestv1.Source, u *lorawan.Uplink, message []byte, unreadable error) (entry, string, error) {
	decoder := in.codecs.of(u)
	var m codec.Message
	err := unreadable
	if err == nil && len(u.Payload) > 0 {
		u.ReceivedAt = in.repeats.first(u)
		m, err = decoder.Decode(u)
		if err == nil && m.Unread != nil && len(m.Samples)+len(m.Readings) == 0 {
			err = m.Unread // what is measured may be in the rest
		}
		if err == nil && in.configurator != nil {
			in.configurator.observe(ctx, u, m, source)
		}
	}
	if err != nil {
		in.complain(ctx, u, err)
		e, err := encodeEntry(nil, &ingestv1.UndecodedUplink{
			Metadata:  ingestclient.Metadata(u, decoder, codec.Message{}, source),
			Forwarder: in.service,
			Payload:   u.Payload[:min(len(u.Payload), maxPayload)],
			Envelope:  message[:min(len(message), maxEnvelope)],
			Reason:    strings.ToValidUTF8(err.Error(), "?"),
		})
		return e, resultUndecodable, err
	}
	if m.By != "" {
		in.metrics.decoded.WithLabelValues(m.By).Inc()
	}
	if m.Note != "" && in.noted.first(u.DevEUI, m.Note) {
		in.log.WarnContext(ctx, "uplink read, but not as it was meant", "dev_eui", u.DevEUI, "device_id", u.DeviceID, "detail", m.Note)
	}
	result := resultDecoded
	switch {
	case len(m.Samples) == 0 && len(m.Readings) == 0:
		result = resultEmpty
	case m.Unread != nil:
		result = resultPartial
		in.log.WarnContext(ctx, "rest of an uplink not read; what was read is stored", "dev_eui", u.DevEUI, "count", len(m.Samples)+len(m.Readings), "err", m.Unread)
	}
	in.log.DebugContext(ctx, "uplink received", "dev_eui", u.DevEUI, "f_port", u.FPort, "f_cnt", u.FCnt,
		"count", len(m.Samples), "source_name", sourceName(source))
	e, err := encodeEntry(ingestclient.Uplink(u, decoder, m, source), nil)
	return e, result, err
}

func (in *intake) complain(ctx context.Context, u *lorawan.Uplink, err error) {
	reason := codec.BadContent
	if e, ok := errors.AsType[*codec.Error](err); ok {
		reason = e.Reason
	}
	in.metrics.undecodable.WithLabelValues(string(reason)).Inc()
	if reason == codec.NoDecoder && !in.told.first(u.DevEUI, err.Error()) {
		return // each of its uplinks says the same, and all are kept
	}
	in.log.WarnContext(ctx, "uplink kept undecoded", "dev_eui", u.DevEUI, "device_id", u.DeviceID, "f_port", u.FPort, "err", err)
}

// sourceName is the source as it stands in metrics: "mqtt", "webhook", "storage".
func sourceName(s ingestv1.Source) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "SOURCE_"))
}
