package keeping

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// TestImplausibleMetadata: it is told beside the measurement and does not cost it.
func TestImplausibleMetadata(t *testing.T) {
	t.Parallel()
	known := measurement.Known
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	good := Metadata{
		FPort: known(255), FCnt: known(1 << 31), DataRateIndex: known(15), RSSIDBm: known(-130), SNRDecibel: -20, SNRKnown: true,
		BatteryPercent: known(0), BatteryMillivolts: known(3600), ReceivedAt: now.Add(5 * time.Minute), DeviceID: "x",
		SpreadingFactor: known(12), BandwidthKHz: known(1625), FrequencyHz: known(2_403_000_000), Gateways: known(1),
	}
	bad := Metadata{
		FPort: known(256), FCnt: known(-1), DataRateIndex: known(16), RSSIDBm: known(-40_000), SNRDecibel: 2000, SNRKnown: true,
		BatteryPercent: known(101), BatteryMillivolts: known(1 << 31), ReceivedAt: now.Add(6 * time.Minute), DeviceID: "x",
		SpreadingFactor: known(13), BandwidthKHz: known(0), FrequencyHz: known(1 << 32), Gateways: known(0),
	}
	kept, dropped := good, bad
	kept.DropImplausible(now)
	dropped.DropImplausible(now)
	if diff := cmp.Diff([]Metadata{good, {DeviceID: "x"}}, []Metadata{kept, dropped}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
