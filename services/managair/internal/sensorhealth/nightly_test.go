package sensorhealth_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

// keeper has some organizations of a node each, which has the number of its organization.
type keeper struct {
	organizations []int64
	fail          map[int64]error
	kept          []int64
	forgot        bool
}

func (k *keeper) NoteCharges(context.Context, time.Time) error { return nil }

func (k *keeper) Followed(context.Context, time.Time, int32, int) ([]sensorhealth.Followed, error) {
	return nil, nil
}

func (k *keeper) Hours(context.Context, []int32, []time.Time, time.Time) (map[int32][]sensorhealth.Hour, error) {
	return map[int32][]sensorhealth.Hour{}, nil
}

func (k *keeper) KeepNights(context.Context, map[int32][]sensorhealth.Night) error { return nil }

func (k *keeper) Organizations(context.Context) ([]int64, error) { return k.organizations, nil }

func (k *keeper) Members(_ context.Context, organization int64, _ time.Time) ([]sensorhealth.Member, error) {
	return []sensorhealth.Member{{No: int32(organization)}}, k.fail[organization]
}

func (k *keeper) Nights(context.Context, []int32, int, int) (map[int32][]sensorhealth.Night, error) {
	return map[int32][]sensorhealth.Night{}, nil
}

func (k *keeper) Charges(context.Context, []int32, int) (map[int32][]sensorhealth.Charge, error) {
	return map[int32][]sensorhealth.Charge{}, nil
}

func (k *keeper) Keep(_ context.Context, organization int64, _ time.Time, found []sensorhealth.Judgement) error {
	if len(found) != 1 || int64(found[0].No) != organization {
		return errors.New("that is somebody else's")
	}
	k.kept = append(k.kept, organization)
	return nil
}

func (k *keeper) Forget(context.Context, int, int) error {
	k.forgot = true
	return nil
}

// What cannot be judged of one organization keeps no other from it; a database that is away
// does.
func TestOneOrganizationThatFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		err    error
		kept   []int64
		forgot bool
	}{
		{"by a fault of its own", errors.New("a strange row"), []int64{1, 3}, true},
		{"because the database is away", fault.New(fault.Unavailable, "away"), []int64{1}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			k := &keeper{organizations: []int64{1, 2, 3}, fail: map[int64]error{2: test.err}}
			sum, err := sensorhealth.Judge{Store: k}.Run(t.Context(), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
			if !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if !slices.Equal(k.kept, test.kept) || sum.Nodes != len(test.kept) || k.forgot != test.forgot {
				t.Errorf("kept %v, %+v, forgot: %t", k.kept, sum, k.forgot)
			}
		})
	}
}
