// Package live lets many listeners see samples as they are committed.
//
// One Hub per process reads the stream that ingestair fills (pkg/live) and hands
// each batch to the topics it concerns. A topic is what one user may see of one
// target (a site, a room, all of his own); its events are made once, whoever many
// listen. Everything between the stream and a socket is bounded: a listener who
// does not keep up is dropped, and goes on later from the last event he saw.
//
// What is promised to a listener:
//
//   - After "ready" (or "reset") he gets every sample that is committed from then on,
//     once. A GET that begins after that event has all earlier ones. What is in both
//     is the same sample: same installation, same time.
//   - When he asks for what is recent, he gets that first: it closes the gap between a GET
//     and the listening that follows it. Some of it may be in both.
//   - When he reconnects with the id of the last event, he gets what he missed, or
//     "reset" when that is not there anymore, or when something may be missing: then
//     he has to GET again.
//
// Who may see what is decided by the store; the hub asks it again whenever the
// inventory changes, and now and then.
package live
