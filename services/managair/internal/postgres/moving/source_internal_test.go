package moving

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
)

// numeric encodes a number as PostgreSQL sends it: its digits to the base 10000.
func numeric(weight int16, sign uint16, digits ...uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(digits)))
	b = binary.BigEndian.AppendUint16(b, uint16(weight))
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, 1)
	for _, d := range digits {
		b = binary.BigEndian.AppendUint16(b, d)
	}
	return b
}

func TestTenthsOfANumeric(t *testing.T) {
	t.Parallel()
	const minus, nan = 0x4000, 0xc000
	for _, tt := range []struct {
		name   string
		number []byte
		want   int
	}{
		{"0", numeric(0, 0), 0},
		{"21.5", numeric(0, 0, 21, 5000), 215},
		{"-0.5", numeric(-1, minus, 5000), -5},
		{"40", numeric(0, 0, 40), 400},
		{"0.05 is rounded up", numeric(-1, 0, 500), 1},
		{"-0.05 is rounded away from zero", numeric(-1, minus, 500), -1},
		{"0.0499", numeric(-1, 0, 499), 0},
		{"0.00001", numeric(-2, 0, 1000), 0},
		{"12345.6", numeric(1, 0, 1, 2345, 6000), 123456},
	} {
		if got, err := copiedTenths(tt.number); got != tt.want || err != nil {
			t.Errorf("%s: %d, %v, want %d", tt.name, got, err, tt.want)
		}
	}
	for name, number := range map[string][]byte{"NaN": numeric(0, nan), "10^8": numeric(2, 0, 1), "too much": numeric(1, 0, 101, 0), "cut off": numeric(0, 0, 1)[:9], "nothing": nil} {
		if got, err := copiedTenths(number); err == nil {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// copied is a row as COPY sends it.
func copied(values ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(values)))
	for _, v := range values {
		if v == nil {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	return b
}

func number(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }

var someNode = []byte("0123456789abcdef")

func someCopy() []byte {
	all := append([]byte(nil), copyHeader...)
	all = append(all, copied(number(1), someNode, number(1_600_000_000), number(400), numeric(0, 0, 20, 1000), number(50), []byte("M"))...)
	all = append(all, copied(number(2), someNode, number(1_600_000_060), number(20_000), nil, nil, []byte("R"))...)
	all = append(all, copied(number(3), someNode, number(1_600_000_120), nil, nil, nil, []byte("R"))...)
	all = append(all, copied(number(4), someNode, number(1_600_000_180), number(math.MinInt32), nil, nil, []byte("R"))...)
	all = append(all, copied(number(5), someNode, number(1_600_000_240), number(1), nil, nil, []byte("X"))...)
	return append(all, 0xff, 0xff)
}

// However the bytes come in, the same rows are read.
func TestCopyReader(t *testing.T) {
	t.Parallel()
	all := someCopy()
	for size := 1; size <= len(all); size++ {
		r := copyReader{now: time.Unix(1_700_000_000, 0)}
		for at := 0; at < len(all); at += size {
			if _, err := r.Write(all[at:min(at+size, len(all))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.complete(); err != nil {
			t.Fatal(err)
		}
		want := []loadedSample{
			{node: [16]byte(someNode), seconds: 1_600_000_000, co2: 400, temperature: 201, humidity: 50, status: 'M'},
			{node: [16]byte(someNode), seconds: 1_600_000_060, co2: 20_000, temperature: noValue, humidity: noValue, status: 'E'},
		}
		if diff := cmp.Diff(want, r.rows, cmp.AllowUnexported(loadedSample{})); diff != "" {
			t.Fatalf("%d bytes at a time: want(-) got(+):\n%s", size, diff)
		}
		var problems []string
		for _, p := range r.problems {
			problems = append(problems, p.PK+" "+p.What)
		}
		wrong := []string{"3 co2_ppm is missing", "4 a value has more than 32 bits", `5 measurement_status "X": want M, R or E`}
		if diff := cmp.Diff(wrong, problems); diff != "" || r.problems[0].Outcome != fixture.LeftOut {
			t.Fatalf("%d bytes at a time: want(-) got(+):\n%s", size, diff)
		}
	}
	r := copyReader{}
	if _, err := r.Write(all[:len(all)-3]); err != nil || r.complete() == nil {
		t.Errorf("a copy without its end is complete; %v", err)
	}
}

func FuzzCopyReader(f *testing.F) {
	f.Add(someCopy(), 7)
	f.Add(append(append([]byte(nil), copyHeader...), 0, 7, 0, 0, 0, 8), 3)
	f.Fuzz(func(t *testing.T, all []byte, cut int) {
		now := time.Unix(1_700_000_000, 0)
		cut = max(0, min(cut, len(all)))
		once, twice := copyReader{now: now}, copyReader{now: now}
		_, err := once.Write(all)
		_, err2 := twice.Write(all[:cut])
		if err2 == nil {
			_, err2 = twice.Write(all[cut:])
		}
		if (err == nil) != (err2 == nil) {
			t.Fatalf("at once: %v; in two parts: %v", err, err2)
		}
		if diff := cmp.Diff(once.rows, twice.rows, cmp.AllowUnexported(loadedSample{})); err == nil && diff != "" {
			t.Error(diff)
		}
	})
}

// What is staged is what comes back.
func TestLoadedSampleIsKept(t *testing.T) {
	t.Parallel()
	for _, l := range []loadedSample{
		{node: [16]byte(someNode), seconds: 1_600_000_000, co2: -1, temperature: noValue, humidity: 100, status: 'E', implausible: true},
		{node: [16]byte(someNode), seconds: 0, co2: 10_000, temperature: -5, humidity: noValue, status: 'M'},
	} {
		b := l.append(nil)
		if len(b) != loadedSize || parseLoaded(b) != l {
			t.Errorf("%+v became %+v", l, parseLoaded(b))
		}
	}
}
