package account

import (
	"net/http"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// showLeave asks first: mail programs look at links before their readers do.
func (p *Pages) showLeave(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.LeaveTitle)
	return show(w, r, http.StatusOK, v, leavePage(v))
}

// leave has no more mails of a channel sent. A mail program may ask it, too, in its reader's
// name (RFC 8058): the key is all that it has.
func (p *Pages) leave(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || r.PathValue("key") == "" {
		return fault.New(fault.NotFound, "no such page")
	}
	if _, err := p.channels.Leave(r.Context(), id, r.PathValue("key"), time.Now()); err != nil {
		return err
	}
	v := newView(r, words.LeaveTitle)
	v.Note = v.T(words.LeaveDone)
	return show(w, r, http.StatusOK, v, messagePage(v))
}
