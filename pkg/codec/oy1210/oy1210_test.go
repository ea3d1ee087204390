package oy1210_test

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec/codectest"
	"github.com/clairberlin/clair-stack/pkg/codec/oy1210"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	codectest.Run(t, oy1210.Decoder{}, "testdata")
}

func FuzzDecode(f *testing.F) {
	codectest.Fuzz(f, oy1210.Decoder{}, oy1210.FPort, nil, []byte{0x3E, 0x44, 0x1D, 0x02, 0x1B}, []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
}

func BenchmarkDecode(b *testing.B) {
	u := lorawan.Uplink{FPort: oy1210.FPort, Payload: []byte{0x3E, 0x44, 0x1D, 0x02, 0x1B}, ReceivedAt: time.Unix(1598966251, 0)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (oy1210.Decoder{}).Decode(&u); err != nil {
			b.Fatal(err)
		}
	}
}
