package account

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/reportmail"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// showLeave asks first: mail programs look at links before their readers do.
func (p *Pages) showLeave(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, words.LeaveTitle)
	return show(w, r, http.StatusOK, v, leavePage(v, v.T(words.LeaveAsk)))
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

// reportsToLeave are what the link in a mail with a report is about.
func reportsToLeave(r *http.Request) (id int64, kind reportmail.Kind, key string, err error) {
	id, err = strconv.ParseInt(r.PathValue("id"), 10, 64)
	kind, key = reportmail.Kind(r.PathValue("kind")), r.PathValue("key")
	if err != nil || !slices.Contains(reportmail.Kinds, kind) {
		err = fault.New(fault.NotFound, "no such page")
	}
	return id, kind, key, err
}

// showLeaveReports asks first, as showLeave does.
func (p *Pages) showLeaveReports(w http.ResponseWriter, r *http.Request) error {
	id, kind, key, err := reportsToLeave(r)
	if err != nil {
		return err
	}
	s, err := p.reports.Leaving(r.Context(), id, key)
	if err != nil {
		return err
	}
	v := newView(r, words.LeaveReportsTitle)
	how := words.LeaveWeekly
	if kind == reportmail.Month {
		how = words.LeaveMonthly
	}
	return show(w, r, http.StatusOK, v, leavePage(v, words.LeaveReports.In(v.Lang, how.In(v.Lang), s.Site)))
}

// leaveReports has no more reports of a kind sent, as leave does.
func (p *Pages) leaveReports(w http.ResponseWriter, r *http.Request) error {
	id, kind, key, err := reportsToLeave(r)
	if err == nil {
		_, err = p.reports.Leave(r.Context(), id, key, kind)
	}
	if err != nil {
		return err
	}
	v := newView(r, words.LeaveReportsTitle)
	v.Note = v.T(words.LeaveReportsDone)
	return show(w, r, http.StatusOK, v, messagePage(v))
}
