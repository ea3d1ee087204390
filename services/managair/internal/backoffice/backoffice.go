// Package backoffice describes what the admin pages show and change: subjects,
// which are the tables of the schema, with their fields, lists and actions. Pages
// and queries are made from these descriptions, so a new subject is some lines here.
package backoffice

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/token"
)

// Kind is what a field holds.
type Kind string

// The kinds.
const (
	Text     Kind = "text"
	LongText Kind = "longtext"
	Int      Kind = "int"
	Decimal  Kind = "decimal"
	Bool     Kind = "bool"
	Time     Kind = "time" // in UTC
	Date     Kind = "date"
	UUID     Kind = "uuid"
	EUI      Kind = "eui"
	Ref      Kind = "ref"    // the id of another subject
	Choice   Kind = "choice" // one of a few texts
	Many     Kind = "many"   // ids of another subject, separated by commas
	JSON     Kind = "json"
	Bytes    Kind = "bytes"
)

// Field is a field of a subject. Its name is that of the column.
type Field struct {
	Name     string
	Kind     Kind
	Required bool
	Max      int      // characters of a text; 0: no bound of ours
	Of       string   // the subject that a Ref or Many leads to
	Choices  []string // of a Choice
	Default  string
	// Rule is that of the inventory, nil for other subjects.
	Rule rule.Rule
	// Check is the rule of a field of other subjects, nil for none. creating is false
	// where the text may be an old one.
	Check func(text string, creating bool) (string, error)
	// ReadOnly fields are shown only, OnCreate fields cannot be changed later.
	ReadOnly, OnCreate bool
}

// Inline is a subject whose rows are edited with the row that they belong to.
type Inline struct {
	Subject string
	Field   string // refers to the row
	Fields  []string
}

// Subject is a kind of thing that is administered.
type Subject struct {
	Name    string // of the table
	Group   string // people, places, devices or operation
	Fields  []Field
	Columns []string // of the list
	Search  []string
	Filters []string // fields that the list can be filtered by
	Order   string   // field, with - for descending
	Inlines []Inline
	Actions []string // beside delete
	// Fixed subjects are looked at only, and perhaps deleted.
	Fixed, Deletable bool
	// Made says that new ones of a Fixed subject are made on a page of their own.
	Made bool
	// SuperuserOnly keeps staff out whatever their rights.
	SuperuserOnly bool
	// About is the field that names the subject which a row is about. A row about one that is
	// for superusers only is so, too.
	About string
}

// Field returns the field of that name.
func (s *Subject) Field(name string) (Field, bool) {
	i := slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return s.Fields[i], true
}

// Find returns the subject of that name.
func Find(name string) (*Subject, bool) {
	i := slices.IndexFunc(Subjects, func(s *Subject) bool { return s.Name == name })
	if i < 0 {
		return nil, false
	}
	return Subjects[i], true
}

// Groups lists the groups in the order of the pages.
var Groups = []string{"places", "devices", "people", "operation"}

func name(n string, length int) Field {
	return Field{Name: n, Kind: Text, Required: true, Max: length}
}

// checkUsername leaves names as they are: the predecessor allowed some that are refused now.
func checkUsername(text string, creating bool) (string, error) {
	if !creating {
		return text, nil
	}
	return identity.CleanUsername(text)
}

func checkEmail(text string, _ bool) (string, error) { return identity.CleanEmail(text) }

var user = Field{Name: "user_id", Kind: Ref, Required: true, Of: "user_account"}

// Subjects lists everything that is administered.
var Subjects = []*Subject{
	{
		Name: "organization", Group: "places", Order: "name",
		Fields:  fieldsOf(&inventory.Organizations),
		Columns: []string{"name", "description"}, Search: []string{"name", "description"},
		Inlines: []Inline{
			{Subject: "membership", Field: "organization_id", Fields: []string{"user_id", "role"}},
			{Subject: "site", Field: "operator_id", Fields: []string{"name", "address_id"}},
		},
	},
	{
		Name: "membership", Group: "places", Order: "organization_id",
		Fields:  fieldsOf(&inventory.Memberships),
		Columns: []string{"organization_id", "user_id", "role"}, Filters: []string{"role", "organization_id"},
	},
	{
		Name: "site", Group: "places", Order: "name",
		Fields:  fieldsOf(&inventory.Sites),
		Columns: []string{"name", "operator_id", "address_id"}, Search: []string{"name", "description"},
		Filters: []string{"operator_id"},
		Inlines: []Inline{{Subject: "room", Field: "site_id", Fields: []string{"name", "size_sqm", "height_m", "max_occupancy"}}},
	},
	{
		Name: "address", Group: "places", Order: "city",
		Fields:  fieldsOf(&inventory.Addresses),
		Columns: []string{"street1", "zip", "city"}, Search: []string{"street1", "street2", "zip", "city"},
	},
	{
		Name: "room", Group: "places", Order: "name",
		Fields:  fieldsOf(&inventory.Rooms),
		Columns: []string{"name", "site_id", "size_sqm", "max_occupancy"}, Search: []string{"name", "description"},
		Filters: []string{"site_id"},
		Inlines: []Inline{{Subject: "installation", Field: "room_id", Fields: []string{"node_id", "from_time", "to_time", "is_public"}}},
	},
	{
		Name: "timetable", Group: "places", Order: "id", Fixed: true,
		Fields: []Field{
			{Name: "site_id", Kind: Ref, Of: "site"},
			{Name: "room_id", Kind: Ref, Of: "room"},
			{Name: "region", Kind: Text},
			{Name: "weekly", Kind: LongText},
			{Name: "exceptions", Kind: LongText},
			{Name: "calendar_read_at", Kind: Time},
			{Name: "calendar_tried_at", Kind: Time},
			{Name: "calendar_left_out", Kind: Int},
			{Name: "calendar_failure", Kind: Text},
		},
		Columns: []string{"site_id", "room_id", "region", "calendar_read_at", "calendar_failure"}, Search: []string{"region", "calendar_failure"},
		Filters: []string{"site_id"},
	},
	{
		Name: "air_file", Group: "places", Order: "-id", Fixed: true,
		Fields: []Field{
			{Name: "room_id", Kind: Ref, Of: "room"},
			{Name: "from_date", Kind: Date},
			{Name: "to_date", Kind: Date},
			{Name: "profile", Kind: Text},
			{Name: "version", Kind: Int},
			{Name: "made_at", Kind: Time},
			{Name: "published_at", Kind: Time},
			{Name: "deleted_at", Kind: Time},
			{Name: "content", Kind: Text},
		},
		Columns: []string{"room_id", "from_date", "to_date", "profile", "version", "made_at", "published_at", "deleted_at"}, Search: []string{"profile", "content"},
	},
	{
		Name: "site_form", Group: "places", Order: "-id", Fixed: true,
		Fields: []Field{
			{Name: "site_id", Kind: Ref, Of: "site"},
			{Name: "form", Kind: Text},
			{Name: "from_date", Kind: Date},
			{Name: "to_date", Kind: Date},
			{Name: "made_at", Kind: Time},
		},
		Columns: []string{"site_id", "form", "from_date", "to_date", "made_at"}, Search: []string{"form"}, Filters: []string{"site_id"},
	},
	{
		Name: "node", Group: "devices", Order: "alias",
		Fields:  fieldsOf(&inventory.Nodes),
		Columns: []string{"alias", "eui64", "owner_id", "model_id", "protocol_id"}, Search: []string{"alias", "eui64", "description", "id"},
		Filters: []string{"owner_id", "model_id", "protocol_id"},
		Inlines: []Inline{{Subject: "installation", Field: "node_id", Fields: []string{"room_id", "from_time", "to_time", "is_public"}}},
	},
	{
		Name: "claim_code", Group: "devices", Order: "-made_at", Fixed: true, Deletable: true,
		Fields: []Field{
			{Name: "eui64", Kind: EUI},
			{Name: "node_id", Kind: UUID},
			{Name: "organization_id", Kind: Ref, Of: "organization"},
			{Name: "maker_id", Kind: Ref, Of: "user_account"},
			{Name: "made_at", Kind: Time},
			{Name: "expires_at", Kind: Time},
			{Name: "used_at", Kind: Time},
		},
		Columns: []string{"eui64", "organization_id", "maker_id", "made_at", "expires_at", "used_at"}, Search: []string{"eui64", "node_id"},
		Filters: []string{"organization_id"},
	},
	{
		Name: "network_application", Group: "devices", Order: "application",
		Fields: []Field{
			name("application", keeping.MaxApplication),
			{Name: "organization_id", Kind: Ref, Required: true, Of: "organization"},
		},
		Columns: []string{"application", "organization_id"}, Search: []string{"application"}, Filters: []string{"organization_id"},
	},
	{
		Name: "ingestion_token", Group: "devices", Order: "-made_at", Fixed: true, Deletable: true, Made: true,
		Fields: []Field{
			{Name: "name", Kind: Text, Required: true, Max: token.Name.Max},
			{Name: "organization_id", Kind: Ref, Required: true, Of: "organization"},
			{Name: "node_id", Kind: Ref, Of: "node"},
			{Name: "maker_id", Kind: Ref, Of: "user_account"},
			{Name: "made_at", Kind: Time},
			{Name: "last_used_at", Kind: Time},
			{Name: "revoked_at", Kind: Time},
		},
		Columns: []string{"name", "organization_id", "node_id", "made_at", "last_used_at", "revoked_at"}, Search: []string{"name"},
		Filters: []string{"organization_id"}, Actions: []string{"revoke"},
	},
	{
		Name: "installation", Group: "devices", Order: "-from_time",
		Fields:  append(fieldsOf(&inventory.Installations), Field{Name: "image", Kind: Text, ReadOnly: true}),
		Columns: []string{"node_id", "room_id", "from_time", "to_time", "is_public"}, Search: []string{"description"},
		Filters: []string{"is_public"}, Actions: []string{"publish", "hide", "end_now"},
	},
	{
		Name: "calibration", Group: "devices", Order: "-performed_at", SuperuserOnly: true,
		Fields:  fieldsOf(&inventory.Calibrations),
		Columns: []string{"node_id", "performed_at", "method", "offset_ppm"}, Search: []string{"description"},
		Filters: []string{"method"},
	},
	{
		Name: "node_model", Group: "devices", Order: "name",
		Fields:  fieldsOf(&inventory.Models),
		Columns: []string{"name", "trade_name", "manufacturer"}, Search: []string{"name", "trade_name", "manufacturer"},
	},
	{
		Name: "node_protocol", Group: "devices", Order: "identifier",
		Fields:  fieldsOf(&inventory.Protocols),
		Columns: []string{"identifier", "num_uplink_msgs", "num_downlink_msgs"}, Search: []string{"identifier"},
	},
	{
		Name: "quantity", Group: "devices", Order: "name",
		Fields: fieldsOf(&inventory.Quantities), Columns: []string{"name", "base_unit"}, Search: []string{"name"},
	},
	{
		Name: "user_account", Group: "people", Order: "username", SuperuserOnly: true,
		Fields: []Field{
			{Name: "username", Kind: Text, Required: true, Max: identity.MaxUsername, Check: checkUsername},
			{Name: "first_name", Kind: Text, Max: identity.MaxName},
			{Name: "last_name", Kind: Text, Max: identity.MaxName},
			{Name: "email", Kind: Text, Max: identity.MaxEmail, ReadOnly: true},
			{Name: "is_active", Kind: Bool, Default: "true"},
			{Name: "is_staff", Kind: Bool},
			{Name: "is_superuser", Kind: Bool},
			{Name: "joined_at", Kind: Time, ReadOnly: true},
			{Name: "last_login_at", Kind: Time, ReadOnly: true},
		},
		Columns: []string{"username", "email", "first_name", "last_name", "is_staff", "is_active", "last_login_at"},
		Search:  []string{"username", "email", "first_name", "last_name"}, Filters: []string{"is_active", "is_staff", "is_superuser"},
		Inlines: []Inline{
			{Subject: "email_address", Field: "user_id", Fields: []string{"email", "verified", "is_primary"}},
			{Subject: "membership", Field: "user_id", Fields: []string{"organization_id", "role"}},
			{Subject: "staff_right", Field: "user_id", Fields: []string{"subject"}},
		},
		Actions: []string{"activate", "deactivate"},
	},
	{
		Name: "email_address", Group: "people", Order: "email", SuperuserOnly: true,
		Fields: []Field{
			user, {Name: "email", Kind: Text, Required: true, Max: identity.MaxEmail, Check: checkEmail}, {Name: "verified", Kind: Bool}, {Name: "is_primary", Kind: Bool},
		},
		Columns: []string{"email", "user_id", "verified", "is_primary"}, Search: []string{"email"},
		Filters: []string{"verified", "is_primary"}, Actions: []string{"verify"},
	},
	{
		Name: "staff_right", Group: "people", Order: "user_id", SuperuserOnly: true,
		Fields: []Field{user, {Name: "subject", Kind: Choice, Required: true, Choices: []string{
			"organization", "membership", "address", "site", "room", "quantity", "node_protocol", "node_model", "node",
			"installation", "parked_sample", "rejected_sample", "undecoded_uplink", "audit_log",
		}}},
		Columns: []string{"user_id", "subject"}, Filters: []string{"subject"},
	},
	{
		Name: "api_token", Group: "people", Order: "-created_at", SuperuserOnly: true, Fixed: true, Deletable: true,
		Fields: []Field{
			user, name("name", identity.TokenName.Max),
			{Name: "scope", Kind: Choice, Choices: []string{"read", "write"}},
			{Name: "created_at", Kind: Time},
			{Name: "expires_at", Kind: Time},
			{Name: "last_used_at", Kind: Time},
		},
		Columns: []string{"user_id", "name", "scope", "created_at", "expires_at", "last_used_at"}, Search: []string{"name"},
		Filters: []string{"scope"},
	},
	{
		Name: "invitation", Group: "people", Order: "-created_at", Fixed: true, Deletable: true,
		Fields: []Field{
			{Name: "organization_id", Kind: Ref, Of: "organization"},
			name("email", identity.MaxEmail),
			{Name: "role", Kind: Choice, Choices: identity.InvitationRole},
			{Name: "inviter_id", Kind: Ref, Of: "user_account"},
			{Name: "created_at", Kind: Time},
			{Name: "expires_at", Kind: Time},
		},
		Columns: []string{"organization_id", "email", "role", "inviter_id", "created_at", "expires_at"}, Search: []string{"email"},
		Filters: []string{"organization_id"},
	},
	{
		Name: "account_session", Group: "people", Order: "-last_seen_at", SuperuserOnly: true, Fixed: true, Deletable: true,
		Fields: []Field{
			user,
			{Name: "address", Kind: Text},
			{Name: "user_agent", Kind: Text},
			{Name: "created_at", Kind: Time},
			{Name: "last_seen_at", Kind: Time},
			{Name: "expires_at", Kind: Time},
		},
		Columns: []string{"user_id", "address", "user_agent", "last_seen_at"}, Search: []string{"address", "user_agent"},
	},
	{
		Name: "audit_log", Group: "operation", Order: "-id", Fixed: true, About: "subject",
		Fields: []Field{
			{Name: "at", Kind: Time},
			{Name: "actor_name", Kind: Text},
			{Name: "source", Kind: Text},
			{Name: "action", Kind: Choice, Choices: []string{"create", "change", "delete", "log_in", "wrong_password"}},
			{Name: "subject", Kind: Text},
			{Name: "subject_id", Kind: Text},
			{Name: "changes", Kind: JSON},
		},
		Columns: []string{"at", "actor_name", "source", "action", "subject", "subject_id", "changes"},
		Search:  []string{"actor_name", "subject", "subject_id", "source"}, Filters: []string{"action", "subject", "subject_id"},
	},
	{
		Name: "alert_rule", Group: "operation", Order: "-id", SuperuserOnly: true, Fixed: true, Deletable: true,
		Fields: []Field{
			{Name: "name", Kind: Text},
			{Name: "organization_id", Kind: Ref, Of: "organization"},
			{Name: "user_id", Kind: Ref, Of: "user_account"},
			{Name: "personal", Kind: Bool},
			{Name: "site_id", Kind: Ref, Of: "site"},
			{Name: "room_id", Kind: Ref, Of: "room"},
			{Name: "node_id", Kind: Ref, Of: "node"},
			{Name: "condition", Kind: Choice, Choices: inventory.AlertConditions},
			{Name: "quantity", Kind: Text},
			{Name: "threshold", Kind: Decimal},
			{Name: "enabled", Kind: Bool},
			{Name: "snoozed_until", Kind: Time},
		},
		Columns: []string{"name", "organization_id", "user_id", "condition", "quantity", "threshold", "enabled", "snoozed_until"}, Search: []string{"name"},
		Filters: []string{"condition", "enabled", "organization_id"},
	},
	{
		Name: "notification_channel", Group: "operation", Order: "-id", SuperuserOnly: true, Fixed: true, Deletable: true,
		Fields: []Field{
			{Name: "name", Kind: Text},
			{Name: "kind", Kind: Text},
			{Name: "organization_id", Kind: Ref, Of: "organization"},
			{Name: "user_id", Kind: Ref, Of: "user_account"},
			{Name: "target", Kind: Text},
			{Name: "made_at", Kind: Time},
			{Name: "confirmed_at", Kind: Time},
			{Name: "rests_until", Kind: Time},
			{Name: "disabled_at", Kind: Time},
			{Name: "disabled_why", Kind: Text},
		},
		Columns: []string{"name", "kind", "organization_id", "user_id", "target", "confirmed_at", "rests_until", "disabled_at", "disabled_why"},
		Search:  []string{"name", "target"}, Filters: []string{"organization_id"},
	},
	{
		Name: "stuck_sensor", Group: "operation", Order: "-found_at", SuperuserOnly: true, Fixed: true,
		Fields: []Field{
			{Name: "node_id", Kind: Ref, Of: "node"},
			{Name: "co2_ppm", Kind: Int},
			{Name: "since", Kind: Time},
			{Name: "found_at", Kind: Time},
			{Name: "released_at", Kind: Time},
			{Name: "taken_back_at", Kind: Time},
		},
		Columns: []string{"node_id", "co2_ppm", "since", "found_at", "released_at", "taken_back_at"},
		Filters: []string{"node_id"}, Actions: []string{"take_back"},
	},
	{
		Name: "rejected_sample", Group: "operation", Order: "-id", Fixed: true, Deletable: true,
		Fields: []Field{
			{Name: "rejected_at", Kind: Time},
			{Name: "node_id", Kind: UUID},
			{Name: "dev_eui", Kind: EUI},
			{Name: "reason", Kind: Text},
			{Name: "field", Kind: Text},
			{Name: "detail", Kind: Text},
			{Name: "time_s", Kind: Int},
			{Name: "co2_ppm", Kind: Int},
			{Name: "temperature_decicelsius", Kind: Int},
			{Name: "rel_humidity_percent", Kind: Int},
		},
		Columns: []string{"rejected_at", "dev_eui", "node_id", "reason", "detail"}, Search: []string{"dev_eui", "node_id", "reason", "detail"},
	},
	{
		Name: "undecoded_uplink", Group: "operation", Order: "-id", Fixed: true, Deletable: true,
		Fields: []Field{
			{Name: "kept_at", Kind: Time},
			{Name: "forwarder", Kind: Text},
			{Name: "dev_eui", Kind: EUI},
			{Name: "device_id", Kind: Text},
			{Name: "reason", Kind: Text},
			{Name: "f_port", Kind: Int},
			{Name: "f_cnt", Kind: Int},
			{Name: "received_at", Kind: Time},
			{Name: "payload", Kind: Bytes},
		},
		Columns: []string{"kept_at", "forwarder", "dev_eui", "device_id", "f_port", "reason"},
		Search:  []string{"dev_eui", "device_id", "reason", "forwarder"},
	},
	{
		Name: "kept_mail", Group: "operation", Order: "-id", SuperuserOnly: true, Fixed: true, Deletable: true,
		Fields: []Field{
			{Name: "kept_at", Kind: Time}, {Name: "recipient", Kind: Text}, {Name: "subject", Kind: Text}, {Name: "text", Kind: LongText},
		},
		Columns: []string{"kept_at", "recipient", "subject"}, Search: []string{"recipient", "subject"},
	},
}

// Row is a row as text, by the names of its fields, and "id".
type Row map[string]string

// Cell is a value of a list with what it refers to.
type Cell struct {
	Field string
	Kind  Kind
	Text  string // what is shown: for a Ref the label
	Of    string // the subject of a Ref
	Ref   string // its id
}

// ListRow is a row of a list.
type ListRow struct {
	ID    string
	Label string
	Cells []Cell
}

// Query picks rows of a subject.
type Query struct {
	Search  string
	Filters map[string]string // fields of the subject and their values
	Sort    string            // field, with - for descending
	Page    int               // from 1
	Size    int
}

// Option is a row that a field can refer to.
type Option struct{ ID, Label string }

// OptionQuery picks rows to refer to.
type OptionQuery struct {
	// Search is a part of what a row is called, or its id; "" finds all.
	Search string
	// ID picks the row with that id instead.
	ID    string
	Limit int
}

// Change is a row to be made (no ID), changed or deleted.
type Change struct {
	Subject *Subject
	ID      string
	Values  map[string]*string // nil: NULL
	Delete  bool
}

// Impact says how many rows of a subject go along with a deletion.
type Impact struct {
	Subject string
	Count   int
	Samples bool
}

// ParkedNode is an unregistered node whose samples wait.
type ParkedNode struct {
	NodeID      uuid.UUID
	DevEUI      string
	DeviceID    string
	Protocol    string // of its codec
	Application string // at the network server, as the forwarder told it last; empty: unknown
	Samples     int64
	First, Last time.Time
}

// NodeHealth is whether a node reports as it should.
type NodeHealth struct {
	ID, Alias, EUI64, Organization string
	Fidelity                       string // U, E, M or D, as in the API
	Since                          *time.Time
	Fault                          fidelity.Fault
	FaultSince                     *time.Time
	Stuck                          bool // there is a row about it in stuck_sensor
	LastCO2PPM                     *int
	LastContactAt                  *time.Time
	BatteryPercent                 *int
	RSSIDBm                        *int
}

// Overview is what the first page shows.
type Overview struct {
	Counts map[string]int64 // rows by subject; exact for small tables only
	Parked int64            // nodes
	Health map[string]int64 // nodes by fidelity
}

// Store keeps the subjects. What the caller has no right to is NotFound.
type Store interface {
	// Allowed returns the names of the subjects that the caller may see and change.
	Allowed(ctx context.Context, caller access.Caller) ([]string, error)
	List(ctx context.Context, caller access.Caller, s *Subject, q Query) ([]ListRow, int, error)
	Get(ctx context.Context, caller access.Caller, s *Subject, id string) (row Row, label string, err error)
	// Related returns the rows of an inline, at most 100.
	Related(ctx context.Context, caller access.Caller, in Inline, id string) ([]Row, error)
	// Options returns rows to refer to, and whether there are more. Staff see the
	// names of what they may refer to.
	Options(ctx context.Context, caller access.Caller, subject string, q OptionQuery) (options []Option, more bool, err error)
	// Apply makes all the changes or none, and returns the id of the first.
	Apply(ctx context.Context, caller access.Caller, changes []Change) (id string, err error)
	// Act runs one of the subject's actions on rows.
	Act(ctx context.Context, caller access.Caller, s *Subject, action string, ids []string) (int64, error)
	// Impact tells what deleting the rows would delete.
	Impact(ctx context.Context, caller access.Caller, s *Subject, ids []string) ([]Impact, error)
	// Parked lists the unregistered nodes, the latest heard first.
	Parked(ctx context.Context, caller access.Caller) ([]ParkedNode, error)
	// ClaimCode makes the code by which a device is registered, in the place of an
	// earlier one.
	ClaimCode(ctx context.Context, caller access.Caller, wanted claim.Request) (string, error)
	// Health lists the nodes, those that do not report first.
	Health(ctx context.Context, caller access.Caller) ([]NodeHealth, error)
	Overview(ctx context.Context, caller access.Caller) (Overview, error)
	// Facts returns what there is to know of the database: postgresql, since, database
	// and samples (sizes), schema (the last migration).
	Facts(ctx context.Context) ([][2]string, error)
}

// Clean checks the text of a field as it comes from a form, of something new or of what
// is there, and returns what is wrong with it, nil for nothing.
func (f Field) Clean(text string, creating bool) (value *string, wrong *fault.Violation) {
	if f.Kind != LongText {
		text = strings.TrimSpace(text)
	}
	if text == "" && f.Kind == Many {
		return &text, nil // nothing is ticked: a list with nothing in it
	}
	if text == "" && f.Kind != Bool {
		if f.Required && f.Kind == Text {
			return nil, f.broken(reason.Blank)
		}
		if f.Required {
			return nil, f.broken(reason.Required)
		}
		if f.Kind == Text {
			return &text, nil
		}
		return nil, nil
	}
	if f.Rule != nil {
		text = f.plain(text)
		return &text, nil
	}
	if f.Max > 0 {
		text, wrong = rule.Text{Max: f.Max}.Clean(text)
	}
	if f.Check != nil && wrong == nil {
		text, err := f.Check(text, creating)
		if v, ok := errors.AsType[*fault.Violation](err); ok {
			return nil, v
		}
		return &text, nil
	}
	switch f.Kind {
	case Bool:
		text, wrong = rule.Bool{}.Clean(cmp.Or(text, "false"))
	case Choice:
		text, wrong = rule.Choice(f.Choices).Clean(text)
	}
	if wrong != nil {
		return nil, f.broken(wrong.Reason, wrong.Args...)
	}
	return &text, nil
}

func (f Field) broken(why reason.Reason, args ...any) *fault.Violation {
	return &fault.Violation{Field: f.Name, Reason: why, Args: args}
}

// plain makes of what a form sends the text that the rule of the inventory knows: forms
// write decimals with a comma, too, and send nothing for what is not ticked. The rule
// itself is asked by whoever keeps the thing, and knows what it was before.
func (f Field) plain(text string) string {
	switch f.Kind {
	case Decimal:
		return strings.Replace(text, ",", ".", 1)
	case Bool:
		return cmp.Or(text, "false")
	default:
		return text
	}
}
