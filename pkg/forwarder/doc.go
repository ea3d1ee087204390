// Package forwarder brings uplinks from a network server to the ingestair: it
// receives them, decodes them, and keeps each until the ingestair has it.
//
// The way of an uplink: a source (MQTT, webhook, storage sweep) hands the message
// as it came to the intake, which reads envelope and payload and puts the result,
// encoded for its way on, into the outbox. Couriers take what waits there in
// batches and deliver it; only then the source is told that it is done. What
// could not be decoded goes the same way, as an undecoded uplink. So nothing is
// ever logged and forgotten; what may be lost and when is in docs/reliability.md.
//
// A service is a codec and a name; everything else is here.
package forwarder
