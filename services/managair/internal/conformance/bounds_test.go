package conformance_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/airfile"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/export"
	siteform "github.com/clairberlin/clair-stack/services/managair/internal/form"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
	"github.com/clairberlin/clair-stack/services/managair/internal/token"
)

func between(what string, low, high int64) string {
	return fmt.Sprintf("%s >= %d AND %s <= %d", what, low, what, high)
}

func oneOf(what string, texts ...string) string {
	return what + " = ANY ARRAY[" + strings.Join(texts, ", ") + "]"
}

const euiForm = "~ ^[0-9A-F]{16}$"

// bounds are the constraints of values whose rules the domain has elsewhere than in the
// book, as the database shows them.
var bounds = func() map[string]string {
	digest := fmt.Sprintf("length(digest) = %d", sha256.Size)
	of := map[string]string{
		"user_account_username_length":  between("length(username)", 1, identity.MaxUsername),
		"email_address_form":            fmt.Sprintf("email ~~ %%_@_%% AND length(email) <= %d", identity.MaxEmail),
		"invitation_email_length":       between("length(email)", 3, identity.MaxEmail),
		"invitation_role":               oneOf("role", inventory.Owner, inventory.Inspector),
		"account_session_digest_length": digest, "claim_code_digest_length": digest, "api_token_digest_length": digest,
		"network_application_application_length": between("length(application)", 1, keeping.MaxApplication),
		"ingestion_token_digest_length":          digest, "ingestion_token_name_length": between("length(name)", 1, int64(token.Name.Max)),
		"invitation_digest_length": digest, "known_device_digest_length": digest,
		"claim_code_eui64_form": "eui64 " + euiForm, "heard_device_eui64_form": "eui64 " + euiForm,
		"notification_channel_code_digest_length": fmt.Sprintf("length(code_digest) = %d", sha256.Size),
		"notification_channel_name_length":        between("length(name)", 1, int64(notify.Name.Max)),
		"notification_channel_target_length":      between("length(target)", 1, notify.MaxTarget),
		"notification_key_length":                 between("length(key)", 1, notify.MaxKey),
		"notification_kind_length":                between("length(kind)", 1, notify.MaxKind),
		"notification_group_key_length":           fmt.Sprintf("length(group_key) <= %d", notify.MaxGroup),
		"notification_attempt_answer_length":      fmt.Sprintf("length(answer) <= %d", notify.MaxAnswer),
		"notification_attempt_sent_length":        fmt.Sprintf("length(sent) <= %d", notify.MaxSent),
		"alert_rule_channel_ids_few":              fmt.Sprintf("cardinality(channel_ids) <= %d", inventory.MaxRuleChannels),
		"data_export_name_length":                 between("length(name)", 1, export.MaxName),
		"data_export_key_digest_length":           fmt.Sprintf("length(key_digest) = %d", sha256.Size),
		"site_form_version_size":                  fmt.Sprintf("octet_length(content) <= %d", siteform.MaxBytes),
		"air_file_size":                           fmt.Sprintf("octet_length(document) <= %d", airfile.MaxBytes),
		// An address may be longer with https than it was with webcal.
		"timetable_calendar_url_length": fmt.Sprintf("length(calendar_url) <= %d", timetable.MaxURL+10),
		"parked_sample_dev_eui_form":    "dev_eui " + euiForm, "undecoded_uplink_dev_eui_form": "dev_eui " + euiForm,
		"parked_reading_dev_eui_form": "dev_eui " + euiForm,
	}
	for _, table := range []string{"reading", "parked_reading", "rejected_reading"} {
		of[table+"_length"] = between("octet_length(readings)", quantity.MinPacked, quantity.MaxPacked)
	}
	for _, table := range []string{"sample", "parked_sample"} {
		of[table+"_co2_ppm_kept"] = between("co2_ppm", measurement.MinCO2PPM, measurement.MaxCO2PPM)
		of[table+"_rel_humidity_range"] = between("rel_humidity_percent", measurement.MinRelHumidityPercent, measurement.MaxRelHumidityPercent)
		of[table+"_temperature_sensor_range"] = between("temperature_decicelsius", measurement.MinTemperatureDecicelsius, measurement.MaxTemperatureDecicelsius)
	}
	return of
}()

// elsewhere are the constraints that are no bounds of a value: what hangs together, there
// is once, or is one of a few words that only our own programs write.
var elsewhere = []string{
	"account_key_email", "account_key_purpose", "api_token_scope", "audit_log_action", "fidelity_check_one_row",
	"alert_episode_closed", "alert_episode_close_reason", "alert_episode_not_due", "alert_event_kind", "alert_rule_quiet_both", "alert_rule_scope", "alert_rule_template_length",
	"installation_ends_after_start", "node_epoch_one_row", "node_fidelity_fault_has_begin", "node_fidelity_fault_known", "node_fidelity_known", "node_outage_ends_after_start",
	"air_file_days", "air_file_deleted_is_empty", "air_file_deleted_is_private", "air_file_profile_form", "air_file_version_counts", "signing_key_seed_goes", "signing_key_size",
	"air_file_month_begins", "air_file_month_looks", "site_form_days", "site_form_form", "site_form_version_counts",
	"data_export_state", "data_export_wanted_size",
	"report_mail_kind", "report_mail_state", "report_mail_why", "report_subscription_language", "report_subscription_leave_key_length",
	"occupied_day_holiday", "occupied_day_how", "occupied_day_spans",
	"notification_attempt_outcome", "notification_channel_kind", "notification_channel_owner", "notification_channel_secret_size", "notification_channel_works_after_failure", "notification_data_size",
	"notification_state", "timetable_holder", "timetable_region_length", "timetable_rooms_have_no_calendar", "timetable_size",
	"node_status_battery_percent_range", "node_status_data_rate_index_range", "node_status_spreading_factor_range", "parked_sample_status",
	"sample_rollup_state_one_row", "sample_rollup_state_order", "sample_rollup_state_whole_hours", "sample_status",
	"staff_right_subject",
}

// expected returns the constraint and the type of a column that say what the rule of the
// field says; "" where the type says it all.
func expected(f inventory.Field) (check, typ string) {
	column := f.In()
	switch r := f.Rule.(type) {
	case rule.Text:
		switch {
		case r.Max == rule.MaxFreeText:
			return "", "text"
		case r.Blank:
			return fmt.Sprintf("length(%s) <= %d", column, r.Max), "text"
		default:
			return between("length("+column+")", 1, int64(r.Max)), "text"
		}
	case rule.Int:
		if r.High == math.MaxInt32 {
			return fmt.Sprintf("%s >= %d", column, r.Low), "integer"
		}
		return between(column, r.Low, r.High), "integer"
	case rule.Decimal:
		typ = fmt.Sprintf("numeric(%d,%d)", r.Digits, r.Places)
		if r.High == rule.Unbounded {
			return fmt.Sprintf("%s >= %d", column, r.Low), typ
		}
		return between(column, r.Low, r.High), typ
	case rule.Choice:
		return oneOf(column, r...), "text"
	case inventory.EUI:
		return column + " " + euiForm, "text"
	case inventory.ProfileID, inventory.BandID:
		return column + " ~ " + profile.IDPattern, "text" // which there are is the program's
	case inventory.UUID:
		return "", "uuid"
	case inventory.Moment:
		return "", "timestamp with time zone"
	case rule.Bool:
		return "", "boolean"
	default:
		panic(fmt.Sprintf("what is a %T to the schema?", r))
	}
}

// decoration is what the database adds to a condition when it shows it.
var decoration = regexp.MustCompile(`::[a-z]+|[()']|^CHECK | NOT VALID$`)

func plain(condition string) string { return decoration.ReplaceAllString(condition, "") }

// Each bound of the book is one of the schema, and each bound of the schema is one that
// the domain knows.
func TestTheSchemaSaysWhatTheBookSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	checks := w.pairs(t, `
		SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
		 WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND coninhcount = 0`)
	types := w.pairs(t, `
		SELECT attrelid::regclass::text || '.' || attname, format_type(atttypid, atttypmod) FROM pg_attribute
		 WHERE attnum > 0 AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r')`)

	want := maps.Clone(bounds)
	for table, fields := range inventory.Book() {
		for _, f := range fields {
			if f.Reference() {
				continue
			}
			check, typ := expected(f)
			if got := types[table+"."+f.In()]; got != typ {
				t.Errorf("%s.%s is of type %q, want %s", table, f.In(), got, typ)
			}
			if check == "" {
				continue
			}
			name, ok := constraintOf(checks, table, f)
			if !ok {
				t.Errorf("nothing bounds %s.%s: want %s", table, f.In(), check)
			}
			want[name] = check
		}
	}
	for name, condition := range want {
		if got := checks[name]; plain(got) != plain(condition) {
			t.Errorf("%s is %q, want %s", name, got, condition)
		}
		delete(checks, name)
	}
	for _, name := range elsewhere {
		if _, ok := checks[name]; !ok {
			t.Errorf("there is no %s, or it is a bound", name)
		}
		delete(checks, name)
	}
	if len(checks) > 0 {
		t.Errorf("bounds of the schema of which the domain knows nothing: %v", slices.Sorted(maps.Keys(checks)))
	}
}

// constraintOf finds the constraint of a field by what it is told to mean.
func constraintOf(checks map[string]string, table string, f inventory.Field) (string, bool) {
	for name := range checks {
		v, ok := inventory.Broken(name)
		if ok && strings.HasPrefix(name, table+"_") && v.Field == f.Name && strings.Contains(checks[name], f.In()) {
			return name, true
		}
	}
	return "", false
}

// pairs returns the rows of a query for two texts.
func (w *world) pairs(t *testing.T, sql string) map[string]string {
	t.Helper()
	rows, err := w.pool.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var key, value string
	_, err = pgx.ForEachRow(rows, []any{&key, &value}, func() error {
		found[key] = value
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
