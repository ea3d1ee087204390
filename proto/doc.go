// Package proto holds the Protocol Buffers contracts of the Clair Stack, with the
// generated Go beside them. It imports nothing of ours.
package proto
