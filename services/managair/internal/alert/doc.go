// Package alert says when somebody is to be told that the air of a room, or a sensor, is not as
// it should be, and how often. The store keeps rules and episodes; the transports bring samples.
//
//  1. A rule has one condition and watches an organization, a site, a room or a sensor. What it
//     watches at present, and whether its account may still see that, is asked of the store.
//  2. Each sensor of each rule has a State. Step is a pure function of it and a sample. The
//     samples of the last hours stay in memory: one that comes late has the state of its hours
//     made anew, so that their order and how often they come change nothing in the end.
//  3. Where the state and the episodes of the store differ, the store is told. It writes an
//     episode and what is to be told of it in one transaction, or neither.
//  4. Samples come by the live stream. A sweep reads those of the database that did not, asks
//     for what is no sample (silence, faults, batteries), and tells what has become due.
//
// Nothing that matters is in memory only: whoever takes over makes the same states of the
// samples and episodes of the database.
//
// The trap: nothing is taken back. What was told, and a late sample then refutes, is closed as
// corrected, and its readers are told that it is over.
package alert
