package inventory

import (
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/climate"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
)

// The book of rules: one entry for each kind, one line for each field. Lengths and
// ranges are the predecessor's; the constraints of the schema say the same.

// Organizations is the kind Organization.
var Organizations = Kind[Organization]{Table: "organization", parts: []part[Organization]{
	{name(50), func(o *Organization) any { return &o.Name }},
	{description, func(o *Organization) any { return &o.Description }},
	{verdictProfile, func(o *Organization) any { return &o.VerdictProfile }},
	{climateBand, func(o *Organization) any { return &o.ClimateBand }},
	{Field{Name: "monthly_air_files", Rule: rule.Bool{}, Default: "false"}, func(o *Organization) any { return &o.MonthlyAirFiles }},
}}

// Memberships is the kind Membership.
var Memberships = Kind[Membership]{Table: "membership", parts: []part[Membership]{
	{to("organization", "organization"), func(m *Membership) any { return &m.OrganizationID }},
	{to("user", "user_account"), func(m *Membership) any { return &m.UserID }},
	{Field{Name: "role", Rule: rule.Choice{Owner, Inspector}, Default: Inspector}, func(m *Membership) any { return &m.Role }},
}}

// Addresses is the kind Address.
var Addresses = Kind[Address]{Table: "address", parts: []part[Address]{
	{text("street1", 50), func(a *Address) any { return &a.Street1 }},
	{Field{Name: "street2", Rule: rule.Text{Max: 50, Blank: true}, Null: true}, func(a *Address) any { return &a.Street2 }},
	{Field{Name: "zip", Rule: rule.Text{Max: 5, Pattern: zipForm, Wrong: reason.InvalidZip}, Required: true}, func(a *Address) any { return &a.Zip }},
	{text("city", 50), func(a *Address) any { return &a.City }},
	{decimal("latitude", 9, 6, -90, 90), func(a *Address) any { return &a.Latitude }},
	{decimal("longitude", 9, 6, -180, 180), func(a *Address) any { return &a.Longitude }},
}}

// zipForm allows what postal codes of the world consist of.
var zipForm = regexp.MustCompile(`^[\p{L}\d][\p{L}\d -]*$`)

// Sites is the kind Site.
var Sites = Kind[Site]{Table: "site", parts: []part[Site]{
	{name(50), func(s *Site) any { return &s.Name }},
	{description, func(s *Site) any { return &s.Description }},
	{to("operator", "organization"), func(s *Site) any { return &s.OperatorID }},
	{to("address", "address"), func(s *Site) any { return &s.AddressID }},
	{Field{Name: "time_zone", Rule: rule.Text{Max: 64, Form: isTimeZone, Wrong: reason.InvalidTimeZone}, Default: DefaultTimeZone}, func(s *Site) any { return &s.TimeZone }},
	{verdictProfile, func(s *Site) any { return &s.VerdictProfile }},
	{climateBand, func(s *Site) any { return &s.ClimateBand }},
}}

// Rooms is the kind Room.
var Rooms = Kind[Room]{Table: "room", parts: []part[Room]{
	{name(50), func(r *Room) any { return &r.Name }},
	{description, func(r *Room) any { return &r.Description }},
	{to("site", "site"), func(r *Room) any { return &r.SiteID }},
	{decimal("size_sqm", 5, 1, 0, rule.Unbounded), func(r *Room) any { return &r.SizeSqm }},
	{decimal("height_m", 3, 1, 0, rule.Unbounded), func(r *Room) any { return &r.HeightM }},
	{Field{Name: "max_occupancy", Rule: count, Null: true}, func(r *Room) any { return &r.MaxOccupancy }},
	{verdictProfile, func(r *Room) any { return &r.VerdictProfile }},
	{climateBand, func(r *Room) any { return &r.ClimateBand }},
}}

// Quantities is the kind Quantity.
var Quantities = Kind[Quantity]{Table: "quantity", parts: []part[Quantity]{
	{Field{Name: "quantity", Column: "name", Rule: rule.Text{Max: 30}, Required: true}, func(q *Quantity) any { return &q.Name }},
	{text("base_unit", 30), func(q *Quantity) any { return &q.BaseUnit }},
}}

// Protocols is the kind Protocol.
var Protocols = Kind[Protocol]{Table: "node_protocol", parts: []part[Protocol]{
	{text("identifier", 30), func(p *Protocol) any { return &p.Identifier }},
	{Field{Name: "num_uplink_msgs", Rule: count, Default: "1"}, func(p *Protocol) any { return &p.NumUplinkMsgs }},
	{Field{Name: "num_downlink_msgs", Rule: count, Default: "1"}, func(p *Protocol) any { return &p.NumDownlinkMsgs }},
}}

// Models is the kind Model.
var Models = Kind[Model]{Table: "node_model", parts: []part[Model]{
	{name(30), func(m *Model) any { return &m.Name }},
	{text("trade_name", 30), func(m *Model) any { return &m.TradeName }},
	{text("manufacturer", 30), func(m *Model) any { return &m.Manufacturer }},
	{text("sensor_type", 100), func(m *Model) any { return &m.SensorType }},
	{Field{Name: "quantities", Of: "quantity", Many: true, Required: true}, func(m *Model) any { return &m.Quantities }},
}}

// Nodes is the kind Node. Its id follows from other fields, see Node.Identify.
var Nodes = Kind[Node]{Table: "node", parts: []part[Node]{
	{Field{Name: "eui64", Rule: EUI{}, Required: true}, func(n *Node) any { return &n.EUI64 }},
	{text("alias", 100), func(n *Node) any { return &n.Alias }},
	{description, func(n *Node) any { return &n.Description }},
	{to("protocol", "node_protocol"), func(n *Node) any { return &n.ProtocolID }},
	{to("model", "node_model"), func(n *Node) any { return &n.ModelID }},
	{to("owner", "organization"), func(n *Node) any { return &n.OwnerID }},
	{Field{
		Name: "expected_interval_s", Null: true,
		Rule: rule.Int{Low: int64(fidelity.MinInterval / time.Second), High: int64(fidelity.MaxInterval / time.Second)},
	}, func(n *Node) any { return &n.ExpectedIntervalS }},
	{Field{Name: "id", Rule: UUID{}, OnCreate: true}, func(n *Node) any { return &n.ID }},
}}

// Installations is the kind Installation.
var Installations = Kind[Installation]{Table: "installation", parts: []part[Installation]{
	{to("node", "node"), func(i *Installation) any { return &i.NodeID }},
	{to("room", "room"), func(i *Installation) any { return &i.RoomID }},
	{Field{Name: "from_timestamp_s", Column: "from_time", Rule: Moment{}, Required: true}, func(i *Installation) any { return &i.From }},
	{Field{Name: "to_timestamp_s", Column: "to_time", Rule: Moment{End: true}, Null: true}, func(i *Installation) any { return &i.To }},
	{description, func(i *Installation) any { return &i.Description }},
	{Field{Name: "is_public", Rule: rule.Bool{}, Default: "false"}, func(i *Installation) any { return &i.IsPublic }},
}}

// Calibrations is the kind Calibration. An offset is no larger than what sensors of rooms measure.
var Calibrations = Kind[Calibration]{Table: "calibration", parts: []part[Calibration]{
	{to("node", "node"), func(c *Calibration) any { return &c.NodeID }},
	{Field{Name: "performed_at_s", Column: "performed_at", Rule: Moment{Now: time.Now}, Required: true}, func(c *Calibration) any { return &c.At }},
	{Field{Name: "method", Rule: CalibrationMethods, Required: true}, func(c *Calibration) any { return &c.Method }},
	{Field{
		Name: "offset_ppm", Null: true,
		Rule: rule.Int{Low: -measurement.GreatestCO2PPM, High: measurement.GreatestCO2PPM},
	}, func(c *Calibration) any { return &c.OffsetPPM }},
	{description, func(c *Calibration) any { return &c.Description }},
}}

// CalibrationMethods are how a sensor is calibrated: in outdoor air, with a gas of known
// CO2, beside a better instrument, by its maker, or otherwise.
var CalibrationMethods = rule.Choice{"outdoor", "gas", "comparison", "maker", "other"}

// AlertRules is the kind AlertRule. How long is long enough, and how often is too often, are our
// choices: nothing is waited for longer than a day, and nobody is reminded more than four times
// an hour.
var AlertRules = Kind[AlertRule]{Table: "alert_rule", parts: []part[AlertRule]{
	{name(100), func(r *AlertRule) any { return &r.Name }},
	{to("organization", "organization"), func(r *AlertRule) any { return &r.OrganizationID }},
	{Field{Name: "personal", Rule: rule.Bool{}, Default: "true"}, func(r *AlertRule) any { return &r.Personal }},
	{Field{Name: "enabled", Rule: rule.Bool{}, Default: "true"}, func(r *AlertRule) any { return &r.Enabled }},
	{Field{Name: "condition", Rule: AlertConditions, Required: true}, func(r *AlertRule) any { return &r.Condition }},
	{Field{Name: "quantity", Rule: rule.Text{Max: 30, Pattern: measuredForm, Wrong: reason.InvalidQuantity}, Null: true}, func(r *AlertRule) any { return &r.Quantity }},
	{decimal("threshold", 6, 1, -50, measurement.GreatestCO2PPM), func(r *AlertRule) any { return &r.Threshold }},
	{decimal("hysteresis", 6, 1, 0, 5000), func(r *AlertRule) any { return &r.Hysteresis }},
	{Field{Name: "for_s", Rule: rule.Int{Low: 0, High: 86_400}, Null: true}, func(r *AlertRule) any { return &r.ForS }},
	{Field{Name: "occupied_only", Rule: rule.Bool{}, Default: "false"}, func(r *AlertRule) any { return &r.OccupiedOnly }},
	{Field{Name: "remind_after_s", Rule: rule.Int{Low: 900, High: 30 * 86_400}, Null: true}, func(r *AlertRule) any { return &r.RemindAfterS }},
	{Field{Name: "tell_recovery", Rule: rule.Bool{}, Default: "true"}, func(r *AlertRule) any { return &r.TellRecovery }},
	{clock("quiet_from"), func(r *AlertRule) any { return &r.QuietFrom }},
	{clock("quiet_to"), func(r *AlertRule) any { return &r.QuietTo }},
	{Field{Name: "time_zone", Rule: rule.Text{Max: 64, Form: isTimeZone, Wrong: reason.InvalidTimeZone}, Default: DefaultTimeZone}, func(r *AlertRule) any { return &r.TimeZone }},
	{Field{Name: "snoozed_until_s", Column: "snoozed_until", Rule: Moment{}, Null: true}, func(r *AlertRule) any { return &r.SnoozedUntil }},
}}

// AlertConditions are what a rule can say: a quantity above or below a threshold, air that is
// no good by the profile of its room, a sensor that is silent, at fault, or low on battery, and
// a quantity that moves too far within 24 hours.
var AlertConditions = rule.Choice{"above", "below", "profile", "silent", "faulty", "battery", "swing"}

var (
	measuredForm = regexp.MustCompile(`^(co2_ppm|temperature_celsius|rel_humidity_percent)$`)
	clockForm    = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
)

func clock(name string) Field {
	return Field{Name: name, Rule: rule.Text{Max: 5, Pattern: clockForm, Wrong: reason.InvalidClock}, Null: true}
}

// MaxCalibrations is how many entries the log of a sensor may have.
const MaxCalibrations = 500

var (
	description = Field{Name: "description", Rule: rule.Free, Null: true}
	count       = rule.Int{Low: 0, High: math.MaxInt32}

	verdictProfile = Field{Name: "verdict_profile", Rule: ProfileID{}, Null: true}
	climateBand    = Field{Name: "climate_band", Rule: BandID{}, Null: true}
)

func name(length int) Field { return text("name", length) }

func text(name string, length int) Field {
	return Field{Name: name, Rule: rule.Text{Max: length}, Required: true}
}

func decimal(name string, digits, places int, low, high int64) Field {
	return Field{Name: name, Rule: rule.Decimal{Digits: digits, Places: places, Low: low, High: high}, Null: true}
}

func to(name, table string) Field {
	return Field{Name: name, Column: name + "_id", Of: table, Required: true}
}

// MaxEUI and MaxUUID are the lengths of the longest texts that are read as a device
// EUI, which may have separators, and as an id.
const (
	MaxEUI  = 32
	MaxUUID = 36
)

// EUI is a device EUI, kept as 16 upper-case hexadecimal digits.
type EUI struct{}

// Clean is part of rule.Rule.
func (EUI) Clean(text string) (string, *fault.Violation) {
	text, v := rule.Text{Max: MaxEUI}.Clean(text)
	if v != nil {
		return "", v
	}
	eui, err := lorawan.ParseEUI64(text)
	if err != nil {
		return "", &fault.Violation{Reason: reason.InvalidEUI64}
	}
	return eui.String(), nil
}

// UUID is an id with or without dashes.
type UUID struct{}

// Clean is part of rule.Rule.
func (UUID) Clean(text string) (string, *fault.Violation) {
	text, v := rule.Text{Max: MaxUUID}.Clean(text)
	if v != nil {
		return "", v
	}
	id, ok := ParseNodeID(text)
	if !ok {
		return "", &fault.Violation{Reason: reason.InvalidUUID}
	}
	return id.String(), nil
}

// ProfileID is the id of one of the profiles by which air may be judged (pkg/profile).
type ProfileID struct{}

// IDs returns those that there are.
func (ProfileID) IDs() []string {
	all := profile.All()
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	return ids
}

// Clean is part of rule.Rule.
func (p ProfileID) Clean(text string) (string, *fault.Violation) {
	return rule.Choice(p.IDs()).Clean(text)
}

// BandID is the id of one of the bands by which the climate may be judged in which things are
// kept (pkg/climate), or climate.None.
type BandID struct{}

// IDs returns those that there are.
func (BandID) IDs() []string {
	ids := []string{climate.None}
	for _, b := range climate.Bands() {
		ids = append(ids, b.ID)
	}
	return ids
}

// Clean is part of rule.Rule.
func (b BandID) Clean(text string) (string, *fault.Violation) {
	return rule.Choice(b.IDs()).Clean(text)
}

// ParseNodeID reads a UUID with or without dashes.
func ParseNodeID(s string) (NodeID, bool) {
	if len(s) != 36 && len(s) != 32 {
		return NodeID{}, false // the library also takes URNs and braces
	}
	id, err := uuid.Parse(s)
	return id, err == nil
}

// Moment is a time in whole seconds, from MinMoment to MaxMoment. Forms write it in
// UTC, with a blank or a T, and with or without seconds.
type Moment struct {
	// Now is set where it is of something that has happened: since there are sensors that
	// tell of it, and not later than now, but for what clocks differ.
	Now func() time.Time
	// End marks an end: documents write OpenEnd where there is none.
	End bool
}

// The bounds of a Moment in Unix seconds: the last one is the end of what RFC 3339
// can say, the year 9999.
const (
	MinMoment = 0
	MaxMoment = 253_402_300_799
)

// OpenEnd stands in documents, in Unix seconds, for an end that there is not: the largest
// 32-bit Unix time. A real end may be later; that one second cannot be an end.
const OpenEnd = 1<<31 - 1

var momentLayouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"}

// Least returns the first Moment that may be given, in Unix seconds.
func (m Moment) Least() int64 {
	if m.Now != nil {
		return measurement.Earliest.Unix()
	}
	return MinMoment
}

// Clean is part of rule.Rule.
func (m Moment) Clean(text string) (string, *fault.Violation) {
	for _, layout := range momentLayouts {
		t, err := time.Parse(layout, text)
		if err != nil || t.Nanosecond() != 0 {
			continue
		}
		if _, v := (rule.Int{Low: MinMoment, High: MaxMoment}).Clean(strconv.FormatInt(t.Unix(), 10)); v != nil {
			return "", v
		}
		if m.Now != nil && t.Unix() < m.Least() {
			return "", &fault.Violation{Reason: reason.TooOld}
		}
		if m.Now != nil && t.After(m.Now().Add(measurement.MaxAhead)) {
			return "", &fault.Violation{Reason: reason.InFuture}
		}
		return momentText(t), nil
	}
	return "", &fault.Violation{Reason: reason.Invalid}
}
