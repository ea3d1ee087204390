package inventory

import (
	"context"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// Repository keeps the things of one kind. Each method is one transaction, and
// sees only what the caller may see: everything else is NotFound. What they see
// but may not change is Forbidden. A reference to what they may not see is a
// Violation, and so is every broken rule.
type Repository[T any, ID comparable] interface {
	// List returns the things that match in a total order, and how many there are
	// on all pages.
	List(ctx context.Context, caller access.Caller, q Query) ([]T, int, error)
	Get(ctx context.Context, caller access.Caller, id ID) (T, error)
	// Create returns the thing as it is kept.
	Create(ctx context.Context, caller access.Caller, thing T) (T, error)
	// Change hands the thing to change, which sees only what the caller may change,
	// and keeps the result. Nobody else changes it in the meantime.
	Change(ctx context.Context, caller access.Caller, id ID, change func(*T) error) (T, error)
	Delete(ctx context.Context, caller access.Caller, id ID) error
}

// Store has the repositories of all kinds.
type Store struct {
	Organizations Repository[Organization, int64]
	Memberships   Repository[Membership, int64]
	Users         Repository[User, int64]
	Addresses     Repository[Address, int64]
	Sites         Repository[Site, int64]
	PublicSites   Repository[PublicSite, int64]
	Rooms         Repository[Room, int64]
	Quantities    Repository[Quantity, int64]
	Protocols     Repository[Protocol, int64]
	Models        Repository[Model, int64]
	Nodes         Repository[Node, uuid.UUID]
	Installations Repository[Installation, int64]
	Calibrations  Repository[Calibration, int64]
	AlertRules    Repository[AlertRule, int64]
	Affiliations  Affiliations
	// Atomically hands a store to do whose changes are made together, or none of them
	// if it fails.
	Atomically func(ctx context.Context, do func(Store) error) error
}

// Affiliations are the memberships of a user, seen as a set of organizations.
type Affiliations interface {
	// Change hands the organizations in which the caller may see the user as a
	// member to change, and makes the result true. Whoever is added or removed, the
	// caller must be OWNER there. It returns the organizations then, and whether
	// anything changed.
	Change(ctx context.Context, caller access.Caller, user int64, change func([]int64) []int64) ([]int64, bool, error)
}

// NodeID is the id of a node.
type NodeID = uuid.UUID

// Query picks from the things of a kind. A zero field does not restrict; a
// field that the kind has no use for is a programmer's mistake.
type Query struct {
	// IDs and NodeIDs pick by identity, when they are not nil.
	IDs     []int64
	NodeIDs []uuid.UUID

	Organization, Site, Room, User int64
	Node                           uuid.UUID
	// Rule is that of an episode of alerts; Open leaves those that are open, or that are not.
	Rule     int64
	Open     *bool
	Username string
	Email    string
	// Own leaves out what the caller sees only because it is public.
	Own bool
	// Box restricts to places inside of it, when it is not nil.
	Box *Box
	// Search holds words that must all occur, in any case.
	Search []string

	Sort []Order
	// Limit 0 is everything from Offset on. Last asks for the last page of Limit.
	Limit, Offset int
	Last          bool
}

// Box is a part of the map, in degrees. West may be greater than East: then it
// reaches over the 180th meridian.
type Box struct{ West, South, East, North float64 }

// Order is one key of the order.
type Order struct {
	By         string
	Descending bool
}
