// Package live lets many listeners see samples as they are committed.
//
// One Hub per process reads the stream that ingestair fills (pkg/live) and hands
// each batch to the topics it concerns. A topic is what one user may see of one
// target (a site, a room, all of their own); its events are made once, however many
// listen. Everything between the stream and a socket is bounded: a listener who
// does not keep up is dropped, and goes on later from the last event they saw.
//
// What is promised to a listener:
//
//   - After "ready" (or "reset") they get every sample that is committed from then on,
//     once. A GET that begins after that event has all earlier ones. What is in both
//     is the same sample: same installation, same time.
//   - If they ask for what is recent, they get that first: it closes the gap between a GET
//     and the listening that follows it. Some of it may be in both.
//   - If they reconnect with the id of the last event, they get what they missed, or
//     "reset" when that is not there anymore, or when something may be missing: then
//     they have to GET again.
//
// Who may see what is decided by the store; the hub asks it again whenever the
// inventory changes, and now and then.
package live
