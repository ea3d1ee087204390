package lorawan_test

import (
	"testing"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

func TestParseEUI64(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in, want string // want "": an error
	}{
		{"upper case", "9876B600001193E0", "9876B600001193E0"},
		{"lower case", "a81758fffe053cab", "A81758FFFE053CAB"},
		{"dashes", "98-76-B6-00-00-11-93-E0", "9876B600001193E0"},
		{"leading zeros", "003CB7EA62A7DCBB", "003CB7EA62A7DCBB"},
		{"short", "9876B600001193", ""},
		{"long", "9876B600001193E0E0", ""},
		{"no digits", "9876B600001193EX", ""},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := lorawan.ParseEUI64(tt.in)
			if tt.want == "" {
				if err == nil {
					t.Fatalf("got %v, want an error", got)
				}
				return
			}
			if err != nil || got.String() != tt.want {
				t.Errorf("got %v, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func FuzzParseEUI64(f *testing.F) {
	f.Add("9876B600001193E0")
	f.Add("98-76:b6-00-00-11-93-E0")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := lorawan.ParseEUI64(s)
		if err != nil {
			return
		}
		if again, err := lorawan.ParseEUI64(e.String()); err != nil || again != e {
			t.Errorf("%q -> %v -> %v, %v", s, e, again, err)
		}
	})
}
