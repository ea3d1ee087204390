package sensorhealth

import (
	"time"

	"github.com/google/uuid"
)

// Node is what the nightly job found of a node.
type Node struct {
	ID uuid.UUID
	// JudgedAt is when; zero: it was not yet.
	JudgedAt time.Time
	// Suspected is what Finding.Suspected said then.
	Suspected bool
	Finding   Finding
	Battery   Battery
}

// Summary is what a run of the job did.
type Summary struct {
	// Nodes were judged, Suspected are those of them that somebody should look after.
	Nodes, Suspected int
}
