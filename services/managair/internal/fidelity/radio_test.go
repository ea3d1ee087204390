package fidelity

import "testing"

func TestReception(t *testing.T) {
	t.Parallel()
	known := func(v float64) *float64 { return &v }
	for _, tt := range []struct {
		name              string
		uplinks, expected int64
		sf, snr           *float64
		want              Reception
	}{
		{"nobody told", 0, 0, nil, nil, ReceptionUnknown},
		{"counted, and nothing else known", 100, 100, nil, nil, ReceptionUnknown},
		{"near", 100, 100, known(7), known(8.5), ReceptionGood},
		{"loses now and then", 91, 100, known(9), known(0), ReceptionGood},
		{"loses a tenth", 90, 100, known(7), known(8.5), ReceptionLosing},
		{"loses, with nothing else known", 50, 100, nil, nil, ReceptionLosing},
		{"too few to say", 10, 19, known(7), known(8.5), ReceptionGood},
		{"late ones came on another day", 110, 100, known(7), known(8.5), ReceptionGood},
		{"just above what SF7 needs", 100, 100, known(7), known(-2.6), ReceptionWeak},
		{"enough for SF7", 100, 100, known(7.4), known(-2.5), ReceptionGood},
		{"just above what SF9 needs", 100, 100, known(9), known(-7.6), ReceptionWeak},
		{"as slow as it can", 100, 100, known(12), known(5), ReceptionWeak},
		{"SF5, which this table does not have", 100, 100, known(5), known(10), ReceptionGood},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := Radio{Uplinks: tt.uplinks, Expected: tt.expected}
			r.Mean.SpreadingFactor, r.Mean.SNRdB = tt.sf, tt.snr
			if got := r.Reception(); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
