package redistest_test

import (
	"testing"

	"github.com/clairberlin/clair-stack/pkg/redistest"
)

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	a, b := redistest.New(t), redistest.New(t)
	if err := a.Set(t.Context(), "key", "a", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Exists(t.Context(), "key").Result(); err != nil || n != 0 {
		t.Errorf("the other database has the key: %v, %v", n, err)
	}
}

func TestDatabasesAreGivenBackEmpty(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("first", func(t *testing.T) {
		url = redistest.URL(t)
	})
	if url == "" {
		t.Skip("no Redis")
	}
	for range 3 {
		t.Run("next", func(t *testing.T) {
			client := redistest.New(t)
			if n, err := client.DBSize(t.Context()).Result(); err != nil || n != 0 {
				t.Errorf("%d keys, %v", n, err)
			}
			if err := client.Set(t.Context(), "key", "left behind", 0).Err(); err != nil {
				t.Error(err)
			}
		})
	}
}
