package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
)

// A receiver that answers late does not confirm, nor disable, what the channel leads to by then.
func TestLateAnswersAreOfTheOldAddress(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusGone} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			came, answer := make(chan struct{}, 10), make(chan struct{})
			mine := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				came <- struct{}{}
				<-answer
				w.WriteHeader(status)
			})
			codes := make(chan string, 10)
			mux := http.NewServeMux()
			mux.Handle("/mine", mine)
			mux.HandleFunc("/victim", func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				codes <- string(body)
				w.WriteHeader(http.StatusInternalServerError)
			})
			server := httptest.NewTLSServer(mux)
			t.Cleanup(server.Close)
			s := newTelling(t, lenientClient(server), nil)
			made, _, err := s.service.Make(t.Context(), s.olga, notify.Channel{Kind: notify.Webhook, UserID: 1}, notify.Wanted{
				Name: new("Hook"), Language: new("en"), Address: new(server.URL + "/mine"),
			})
			if err != nil {
				t.Fatal(err)
			}
			s.run(t, 2)
			<-came
			if _, err := s.service.Change(t.Context(), s.olga, made.ID, notify.Wanted{Address: new(server.URL + "/victim")}); err != nil {
				t.Fatal(err)
			}
			close(answer)
			select {
			case body := <-codes:
				if !strings.Contains(body, notify.KindConfirm) {
					t.Errorf("the new address is sent %s", body)
				}
			case <-time.After(20 * time.Second):
				t.Error("the new address is sent no code")
			}
			s.settled(t)
			if c, err := s.service.Store.Channel(t.Context(), s.olga, made.ID); err != nil || c.AnsweredAt != nil || c.DisabledAt != nil {
				t.Errorf("%+v, %v", c, err)
			}
			if c, err := s.service.Confirm(t.Context(), s.olga, made.ID, ""); err == nil || c.Active() {
				t.Errorf("confirmed by another address: %+v", c)
			}
			if len(came) > 0 {
				t.Error("the new code goes to the old address")
			}
		})
	}
}
