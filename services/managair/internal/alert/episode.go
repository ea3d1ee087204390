package alert

import (
	"context"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Closing is why an episode is over. The words are those of the HTTP API and of the database.
type Closing string

// The reasons.
const (
	Recovered  Closing = "recovered"   // it is well again
	Unoccupied Closing = "unoccupied"  // nobody is there any more, and the rule is for occupied time
	NoData     Closing = "no_data"     // nothing comes in any more by which to judge
	NotWatched Closing = "not_watched" // the rule, the sensor's place, or a right has changed
	Corrected  Closing = "corrected"   // samples that came late say that it was not so
)

// Over reports whether it is known that it is over, and not only that nobody knows any more.
func (c Closing) Over() bool { return c == Recovered || c == Corrected }

// EventKind is what came of an episode.
type EventKind string

// The kinds.
const (
	Opened       EventKind = "opened"
	Told         EventKind = "told"
	Reminded     EventKind = "reminded"
	Acknowledged EventKind = "acknowledged"
	Snoozed      EventKind = "snoozed"
	ToldRecovery EventKind = "recovered"
	Closed       EventKind = "closed"
)

// Event is an entry in the history of an episode.
type Event struct {
	At   time.Time `json:"at"`
	Kind EventKind `json:"kind"`
	// User is the name of whoever did it; "": it was done by itself, or they are gone.
	User string `json:"user"`
	// Channels are those that are told by, Until how long it is snoozed, Reason why it is over.
	Channels []int64    `json:"channels"`
	Until    *time.Time `json:"until"`
	Reason   Closing    `json:"reason"`
}

// Episode is a time in which what a rule says was so.
type Episode struct {
	ID, RuleID, OrganizationID int64
	RuleName                   string
	Kind                       Kind
	Quantity                   *string
	NodeID                     inventory.NodeID
	NodeAlias                  string
	// Room and site are those in which the node was; nil: nowhere.
	RoomID, SiteID     *int64
	RoomName, SiteName *string
	// OpenedAt and ClosedAt are by the times of samples, NoticedAt by our clock.
	OpenedAt, NoticedAt time.Time
	ClosedAt            *time.Time
	CloseReason         *string
	// Threshold is what the rule held Value, the first, and Worst against; nil: no figure.
	Threshold, Value, Worst *float64
	AcknowledgedAt          *time.Time
	SnoozedUntil            *time.Time
	// TellCount is how often somebody was told that it is so.
	TellCount int
	// History is what came of it, the latest maxHistory of it.
	History []Event
}

// MaxHistory is how many events are told of an episode.
const MaxHistory = 50

// Answer is what somebody does with an episode.
type Answer struct {
	// Acknowledge ends its reminders.
	Acknowledge bool
	// SnoozeUntil puts them off.
	SnoozeUntil *time.Time
}

// MaxSnooze is how long an episode may be put off.
const MaxSnooze = 30 * 24 * time.Hour

// Check returns what is wrong with the answer.
func (a Answer) Check(now time.Time) *fault.Violation {
	if a.SnoozeUntil != nil && a.SnoozeUntil.After(now.Add(MaxSnooze)) {
		return broken("snoozed_until_s", reason.MaxValue, now.Add(MaxSnooze).Unix())
	}
	return nil
}

// Desk is where people look after episodes. What the caller may not see is not there.
type Desk interface {
	inventory.Repository[Episode, int64]
	// Answer does it to an open episode. A second one of a kind changes nothing.
	Answer(ctx context.Context, caller access.Caller, id int64, answer Answer, now time.Time) (Episode, error)
}
