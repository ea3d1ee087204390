// Package inventory says who operates which rooms, and which node measures
// where. It has the things, their rules, and what a store must do for them. Who
// may see and change them is the matter of package access, and is enforced by
// the store in its queries.
package inventory

import (
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Decimal is a decimal number in plain notation, such as "33.0". Rooms are
// measured by people, so what they entered is kept to the digit.
type Decimal = string

// Organization operates sites and owns nodes.
type Organization struct {
	ID          int64
	Name        string
	Description *string
	// VerdictProfile is the id of the profile by which the air in its rooms is judged (see
	// pkg/profile); nil: the default one.
	VerdictProfile *string
	// ClimateBand is the id of the band by which the climate for things is judged in its rooms
	// (see pkg/climate); nil, and climate.None: by none.
	ClimateBand *string
	// MonthlyAirFiles says that an air file of each of its rooms is made when a month is over.
	MonthlyAirFiles bool
	// Users are the ids of the members. They are empty for callers who are not one
	// of them; Member tells the difference.
	Users  []int64
	Member bool
}

// Role is what a member may do.
type Role = string

// The roles. The letters are those of the API and the database.
const (
	Owner     Role = "O"
	Inspector Role = "I"
)

// Membership makes a user a member of an organization.
type Membership struct {
	ID             int64
	UserID         int64
	OrganizationID int64
	Role           Role
	// Read-only.
	UserName         string
	OrganizationName string
}

// User is an account as other members see it.
type User struct {
	ID        int64
	Username  string
	Email     string
	FirstName string
	LastName  string
	// Organizations are those that the caller may see the membership of.
	Organizations []int64
}

// Address is where a site is.
type Address struct {
	ID        int64
	Street1   string
	Street2   *string
	Zip       string
	City      string
	Latitude  *Decimal // degrees north, -90 to 90
	Longitude *Decimal // degrees east, -180 to 180
}

// Site is a building or a part of one.
type Site struct {
	ID          int64
	Name        string
	Description *string
	AddressID   int64
	OperatorID  int64
	// TimeZone is an IANA name; the days and hours of the site's air are cut in it.
	TimeZone string
	// VerdictProfile is as with the organization, whose holds when it is nil.
	VerdictProfile *string
	// ClimateBand is as with the organization, whose holds when it is nil.
	ClimateBand *string
}

// DefaultTimeZone is that of a site of which nothing is said.
const DefaultTimeZone = "Europe/Berlin"

// PublicSite is what everyone may see of a site, with the air in its rooms now.
type PublicSite struct {
	ID        int64
	Name      string
	Street1   string
	Zip, City string
	Latitude  *string
	Longitude *string
	Rooms     []PublicRoom
}

// PublicRoom is a room with public installations, and the latest sample of each of
// those that measure now.
type PublicRoom struct {
	ID     int64
	Name   string
	Latest []PublicSample
	Judged
}

// PublicSample is what one needs to judge the air.
type PublicSample struct {
	Time   time.Time
	CO2PPM int
}

// Room is a room of a site.
type Room struct {
	ID           int64
	SiteID       int64
	Name         string
	Description  *string
	SizeSqm      *Decimal // square metres
	HeightM      *Decimal // metres
	MaxOccupancy *int64   // persons
	// VerdictProfile is as with the organization; that of the site holds when it is nil.
	VerdictProfile *string
	// ClimateBand is as with the organization; that of the site holds when it is nil.
	ClimateBand *string
	// Judged is what is read of the room's place.
	Judged
}

// Judged is what decides by which profile a room is judged.
type Judged struct {
	// Chosen is that of the room, or else of its site, or else of its organization; nil when
	// nobody chose one.
	Chosen *string
	// Zone is the time zone of the site.
	Zone string
}

// Quantity is something that a sensor can measure.
type Quantity struct {
	ID       int64
	Name     string
	BaseUnit string
}

// Protocol is how the nodes of a family encode their uplinks.
type Protocol struct {
	ID              int64
	Identifier      string
	NumUplinkMsgs   int64
	NumDownlinkMsgs int64
}

// Model is a make of node.
type Model struct {
	ID           int64
	Name         string
	TradeName    string
	Manufacturer string
	SensorType   string
	Quantities   []int64
}

// Node is a sensor in the inventory; the radio's view of it is a device.
type Node struct {
	ID          uuid.UUID
	EUI64       string // 16 upper-case hexadecimal digits
	Alias       string
	Description *string
	ProtocolID  int64
	ModelID     int64
	OwnerID     int64
	// ExpectedIntervalS is how often the node should report, in seconds; nil is the
	// default. Package fidelity knows its bounds.
	ExpectedIntervalS *int64
	// No is the key of the node's samples.
	No int32
	// ClaimCode proves, when it is registered, that the device belongs to its owner.
	ClaimCode string
}

// Installation is a node in a room from one time to another. Both ends are
// included when its samples are picked, and a node may be installed again in
// the second in which its last installation ends.
type Installation struct {
	ID          int64
	NodeID      uuid.UUID
	RoomID      int64
	From        time.Time
	To          *time.Time // nil while the node is still there
	Description *string
	IsPublic    bool
	// Image is the name of the picture in the media store.
	Image *string
	// NodeNo is the key of the node's samples; NodeAlias its name, nil for outsiders.
	NodeNo    int32
	NodeAlias *string
}

// Calibration is an entry of the log that operators keep of a sensor. What the sensor told
// before is not held against it afterwards (package sensorhealth).
type Calibration struct {
	ID     int64
	NodeID uuid.UUID
	// At is when it was done.
	At time.Time
	// Method is how: one of CalibrationMethods.
	Method string
	// OffsetPPM is what the sensor told above the truth before; nil where nobody knows.
	OffsetPPM   *int64
	Description *string
}

// MaxRuleChannels is how many channels may be chosen for a rule.
const MaxRuleChannels = 100

// AlertRule is what somebody wants to be told. What the fields mean together is the matter of
// package alert.
type AlertRule struct {
	ID             int64
	Name           string
	OrganizationID int64
	// Personal rules are those of UserID, who made it; the others are their organization's.
	Personal bool
	UserID   *int64
	// The rule watches one of these, or else all of the organization.
	SiteID, RoomID *int64
	NodeID         *uuid.UUID
	Enabled        bool
	// Condition is one of AlertConditions, Quantity one of measurement's, as in series.
	Condition             string
	Quantity              *string
	Threshold, Hysteresis *Decimal
	// ForS is for how long it has to be so, in seconds.
	ForS         *int64
	OccupiedOnly bool
	RemindAfterS *int64
	TellRecovery bool
	// QuietFrom and QuietTo are times of day in TimeZone, such as 22:00.
	QuietFrom, QuietTo *string
	TimeZone           string
	SnoozedUntil       *time.Time
	// ChannelIDs are the channels of its owner by which it tells; none: all of them.
	ChannelIDs []int64
	// Template is what it was made of by one request; nil: it was written.
	Template *string
}

// Forbidden is the error for what the caller sees but may not do.
func Forbidden() error { return fault.New(fault.Forbidden, "not permitted") }

// NotFound is the error for what does not exist, or not for the caller.
func NotFound() error { return fault.New(fault.NotFound, "not found") }
