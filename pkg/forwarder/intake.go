package forwarder

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec"
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
	now     func() time.Time
	// observe sees every uplink that was decoded, before it is stored; may be nil.
	observe func(context.Context, *lorawan.Uplink, codec.Message, ingestv1.Source)
}

// codecs chooses the codec of a device.
type codecs struct {
	standard  codec.Decoder
	byProfile map[string]codec.Decoder
}

func (c codecs) of(u *lorawan.Uplink) codec.Decoder {
	if d, ok := c.byProfile[u.Profile]; ok {
		return d
	}
	return c.standard
}

// receive takes a message. done is told what became of it: once, maybe before
// receive returns. It never blocks.
func (in *intake) receive(ctx context.Context, source ingestv1.Source, message []byte, done func(fate)) {
	name := sourceName(source)
	e, result, err := in.entry(ctx, source, message)
	if err != nil {
		// It cannot happen: all texts are valid UTF-8.
		in.log.ErrorContext(ctx, "uplink dropped: it cannot be encoded", "source_name", name, "err", err)
		result = resultDropped
	}
	if result == resultEmpty || result == resultDropped {
		in.metrics.uplinks.WithLabelValues(name, result).Inc()
		finish(done, refused)
		return
	}
	e.received, e.done = in.now(), done
	if !in.outbox.put(e) {
		in.metrics.uplinks.WithLabelValues(name, resultDropped).Inc()
		finish(done, dropped)
		return
	}
	in.metrics.uplinks.WithLabelValues(name, result).Inc()
}

func finish(done func(fate), f fate) {
	if done != nil {
		done(f)
	}
}

func (in *intake) entry(ctx context.Context, source ingestv1.Source, message []byte) (entry, string, error) {
	u, err := in.network.parseUplink(message)
	var m codec.Message
	decoder := in.codecs.of(&u)
	if err == nil {
		if len(u.Payload) == 0 && u.FPort == 0 {
			return entry{}, resultEmpty, nil // a message between device and network
		}
		m, err = decoder.Decode(&u)
	}
	if err != nil {
		in.complain(ctx, &u, err)
		e, err := encodeEntry(nil, &ingestv1.UndecodedUplink{
			Metadata:  ingestclient.Metadata(&u, decoder, codec.Message{}, source),
			Forwarder: in.service,
			Payload:   u.Payload[:min(len(u.Payload), maxPayload)],
			Envelope:  message[:min(len(message), maxEnvelope)],
			Reason:    strings.ToValidUTF8(err.Error(), "?"),
		})
		return e, resultUndecodable, err
	}
	if in.observe != nil {
		in.observe(ctx, &u, m, source)
	}
	if len(m.Samples) == 0 {
		return entry{}, resultEmpty, nil
	}
	in.log.DebugContext(ctx, "uplink received", "dev_eui", u.DevEUI, "f_port", u.FPort, "f_cnt", u.FCnt,
		"count", len(m.Samples), "source_name", sourceName(source))
	e, err := encodeEntry(ingestclient.Uplink(&u, decoder, m, source), nil)
	return e, resultDecoded, err
}

func (in *intake) complain(ctx context.Context, u *lorawan.Uplink, err error) {
	reason := codec.BadContent
	if e, ok := errors.AsType[*codec.Error](err); ok {
		reason = e.Reason
	}
	in.metrics.undecodable.WithLabelValues(string(reason)).Inc()
	in.log.WarnContext(ctx, "uplink kept undecoded", "dev_eui", u.DevEUI, "device_id", u.DeviceID, "f_port", u.FPort, "err", err)
}

// sourceName is the source as it stands in metrics: "mqtt", "webhook", "storage".
func sourceName(s ingestv1.Source) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "SOURCE_"))
}
