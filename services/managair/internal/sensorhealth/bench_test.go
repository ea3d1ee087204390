package sensorhealth_test

import (
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

// BenchmarkJudge is a night of a network as large as they are judged at once: 2,000 sensors
// and half a year.
func BenchmarkJudge(b *testing.B) {
	off := make([]truth, 2000)
	for i := range off {
		off[i] = constant(float64(i%80 - 40))
	}
	sensors := quiet(sensorhealth.Weeks, off...)
	for b.Loop() {
		sensorhealth.Findings(sensors, lastDay(sensorhealth.Weeks))
	}
}
