package schema_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// Whoever makes a table or a function says in the grants what each service may with it.
func TestEverythingIsInTheGrants(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("grants/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var all strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	named := map[string]bool{}
	for _, word := range regexp.MustCompile(`\w+`).FindAllString(all.String(), -1) {
		named[word] = true
	}
	const ours = `
		SELECT c.relname::text FROM pg_class c
		 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
		UNION ALL
		SELECT proname::text FROM pg_proc p
		 WHERE pronamespace = 'public'::regnamespace
		   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`
	rows, err := pgtest.New(t).Query(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	things, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(things) < 60 {
		t.Fatalf("%d tables and functions: %v", len(things), err)
	}
	for _, thing := range things {
		if !named[thing] {
			t.Errorf("%s is in none of pkg/schema/grants/*.sql: say there who may what with it, or that it is the owner's alone", thing)
		}
	}
}

// What a service could do at the database if somebody had taken it over.
func TestServicesCannotMore(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec("SELECT ensure_sample_partition(now())")
	pools := map[schema.Service]*pgxpool.Pool{}
	for _, s := range []schema.Service{schema.Managair, schema.Ingestair, schema.Exporter} {
		pools[s] = pgtest.As(t, s, owner)
	}
	for _, tt := range []struct {
		sql string
		may string // those who may
	}{
		{"SELECT password_hash FROM user_account", "managair"},
		{"SELECT email FROM email_address", "managair"},
		{"SELECT digest FROM account_session", "managair"},
		{"SELECT digest FROM api_token", "managair"},
		{"SELECT text FROM outgoing_mail", "managair"},
		{"SELECT text FROM kept_mail", "managair"},
		{"SELECT changes FROM audit_log", "managair"},
		{"SELECT name FROM organization", "managair"},
		{"SELECT street1 FROM address", "managair"},
		{"SELECT is_public FROM installation", "managair"},
		{"SELECT digest FROM claim_code", "managair"},
		{"SELECT alias FROM node", "managair"},
		{"SELECT id, no, eui64, owner_id FROM node", "managair ingestair"},
		{"SELECT name FROM ingestion_token", "managair"},
		{"SELECT node_id FROM ingestion_token WHERE digest = ''", "managair ingestair"},
		{"UPDATE ingestion_token SET last_used_at = now()", "managair ingestair"},
		{"UPDATE ingestion_token SET revoked_at = NULL", "managair"},
		{"UPDATE ingestion_token SET organization_id = 1", "managair"},
		{"SELECT application FROM network_application", "managair"},
		{"SELECT co2_ppm FROM sample", "managair ingestair"},
		{"UPDATE node SET alias = 'x'", "managair"},
		{"DELETE FROM node", "managair"},
		{"INSERT INTO user_account (username, is_superuser) VALUES ('mallory', true)", "managair"},
		{"UPDATE user_account SET is_superuser = true", "managair"},
		{"UPDATE sample SET co2_ppm = 400", ""},
		{"UPDATE sample SET status = 'E'", "managair"},
		{"SELECT co2_ppm FROM stuck_sensor", "managair ingestair"},
		{"UPDATE stuck_sensor SET released_at = now()", "managair"},
		{"TRUNCATE sample", ""},
		{"TRUNCATE audit_log", ""},
		{"UPDATE audit_log SET actor_name = 'nobody'", ""},
		{"INSERT INTO audit_log (at, actor_name, source, subject, subject_id, action, changes) VALUES (now() - interval '1 day', '', '', '', '', 'create', '{}')", ""},
		{"INSERT INTO audit_log (actor_name, source, subject, subject_id, action, changes) VALUES ('', '', 'user_account', '1', 'create', '{}')", ""},
		{"INSERT INTO audit_log (actor_name, source, subject, subject_id, action, changes) VALUES ('', '', 'email_address', '1', 'log_in', '{}')", ""},
		{"INSERT INTO audit_log (actor_name, source, subject, subject_id, action, changes) VALUES ('', '', 'user_account', '1', 'log_in', '{}')", "managair"},
		{"DELETE FROM sample", "ingestair"},
		{"UPDATE sample_day SET n = 0", "ingestair"},
		{"INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, true)", ""},
		{"DROP TABLE sample", ""},
		{"DROP FUNCTION hear_devices", ""},
		{"ALTER TABLE user_account ADD COLUMN x integer", ""},
		{"ALTER TABLE user_account DISABLE TRIGGER audit", ""},
		{"CREATE TABLE public.mine (x integer)", ""},
		{"CREATE FUNCTION public.mine() RETURNS void LANGUAGE sql AS 'SELECT'", ""},
		{"CREATE SCHEMA mine", ""},
		{"CREATE ROLE mine", ""},
		{"SET session_replication_role = replica", ""},
		{"COPY sample TO PROGRAM 'cat'", ""},
		{"SELECT detach_sample_partition(now())", ""},
		{"SELECT share_sample_privileges('user_account')", ""},
		{"SELECT open_sample_month(now())", "managair ingestair"},
		{"SELECT fill_sample_index('user_account_pkey')", ""},
		{"SELECT blank_audit(1)", ""},
	} {
		for service, pool := range pools {
			tx, err := pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = tx.Exec(t.Context(), tt.sql)
			refused := pgdb.IsRefused(err)
			if err != nil && !refused {
				t.Errorf("%s as %s: %v", tt.sql, service, err)
			}
			if may := strings.Contains(tt.may, string(service)); may == refused {
				t.Errorf("%s: %s may: %v, want %v", tt.sql, service, !refused, may)
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Whoever has taken managair over does not take back what the log of changes tells of the last
// days, nor blank the names of those who are there.
func TestTheLogOfChangesStays(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	as := pgtest.As(t, schema.Managair, owner)
	for _, step := range []struct {
		pool *pgxpool.Pool
		sql  string
	}{
		{as, "INSERT INTO user_account (username) VALUES ('vera')"},
		{as, "INSERT INTO email_address (user_id, email) SELECT id, 'vera@school.example' FROM user_account"},
		{owner, "UPDATE audit_log SET actor_name = 'vera', actor_id = (SELECT id FROM user_account)"},
		{owner, "INSERT INTO audit_log (at, actor_name, source, subject, subject_id, action, changes) VALUES (now() - interval '8 days', '', '', '', '', 'create', '{}')"},
		{as, "DELETE FROM audit_log"},
	} {
		if _, err := step.pool.Exec(t.Context(), step.sql); err != nil {
			t.Fatalf("%s: %v", step.sql, err)
		}
	}
	// As if the address were that of an account that there is not, or that was made to be deleted.
	const forged = `INSERT INTO audit_log (actor_name, source, subject, subject_id, action, changes)
		SELECT '', '', 'email_address', subject_id, done, '{"user_id": ["999999999", null]}'
		  FROM audit_log, (VALUES ('delete'), ('log_in')) AS of (done) WHERE subject = 'email_address'`
	for _, sql := range []string{forged, "SELECT blank_audit(999999999)"} {
		if _, err := as.Exec(t.Context(), sql); !pgdb.IsRefused(err) {
			t.Errorf("%s: %v, want it refused", sql, err)
		}
	}
	pgtest.Exec(t, as, "INSERT INTO user_account (id, username) VALUES (999999999, 'nobody')")
	pgtest.Exec(t, as, "DELETE FROM user_account WHERE id = 999999999")
	if n := pgtest.Value[int](t, owner, "SELECT count(*) FROM audit_log WHERE subject_id = '999999999' AND changes::text NOT LIKE '%nobody%'"); n != 2 {
		t.Errorf("%d rows without the name of an account that is gone, want 2", n)
	}
	pgtest.Exec(t, owner, "DELETE FROM audit_log WHERE subject_id = '999999999'")
	var left int
	var told bool
	if err := as.QueryRow(t.Context(), "SELECT count(*), bool_and(actor_name = 'vera' AND changes::text LIKE '%vera%') FROM audit_log").Scan(&left, &told); err != nil || left != 2 || !told {
		t.Errorf("%d rows are left, with the names: %v (%v); want 2, true", left, told, err)
	}
}

// Yesterday's programs run on today's schema, between its migration and its grants, and under
// the grants of their own version when the code goes back.
func TestYesterdaysGrantsSuffice(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	as := pgtest.As(t, schema.Managair, owner)
	tx, err := owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	inventory(t, tx)
	for _, eui := range []string{"0000000000000001", "0000000000000002"} {
		pgtest.Exec(t, tx, insertNode, pgx.NamedArgs{"id": uuid.New(), "eui64": eui})
	}
	pgtest.Exec(t, tx, "INSERT INTO node_status (node_no, last_contact_at) SELECT no, now() FROM node")
	pgtest.Exec(t, tx, "INSERT INTO scripted_node (node_no) SELECT no FROM node WHERE eui64 = '0000000000000001'")
	managair := pgx.Identifier{schema.Managair.Role(owner.Config().ConnConfig.User)}.Sanitize()
	pgtest.Exec(t, tx, "REVOKE ALL ON scripted_node FROM "+managair)
	pgtest.Exec(t, tx, "GRANT UPDATE ON audit_log TO "+managair)
	pgtest.Exec(t, tx, "GRANT EXECUTE ON FUNCTION blank_audit TO "+managair)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, as, "INSERT INTO user_account (id, username) VALUES (7, 'vera'), (8, 'otto')")
	pgtest.Exec(t, as, "DELETE FROM user_account WHERE id = 7")
	if names := pgtest.Value[string](t, as, "SELECT string_agg(changes ->> 'username', ' ' ORDER BY id) FROM audit_log WHERE changes ? 'username'"); names != `["***", "***"] [null, "otto"] ["***", "***"]` {
		t.Errorf("names in the log: %s, want otto's", names)
	}
	pgtest.Exec(t, as, "INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at) SELECT no, now(), 400, now() FROM node")
	pgtest.Exec(t, as, "UPDATE stuck_sensor SET released_at = now()")
	pgtest.Exec(t, as, "DELETE FROM node")
	if left := pgtest.Value[string](t, owner, "SELECT string_agg(eui64, ' ') FROM heard_device"); left != "0000000000000002" {
		t.Errorf("devices that are left: %q, want the one that sent", left)
	}
	if n := pgtest.Value[int](t, owner, "SELECT count(*) FROM scripted_node"); n != 0 {
		t.Errorf("%d deleted nodes are noted", n)
	}
}

// What others passed on cannot be taken back by the owner; it is told.
func TestGrantTellsWhatOthersGranted(t *testing.T) {
	t.Parallel()
	database, owner, asAdmin := server(t, "CREATEROLE")
	var told bytes.Buffer
	grant := func() {
		t.Helper()
		err := schema.Grant(t.Context(), slog.New(slog.NewTextHandler(&told, nil)), database,
			map[schema.Service]string{schema.Ingestair: "of the ingestair", schema.Managair: "of managair"})
		if err != nil {
			t.Fatal(err)
		}
	}
	grant()
	if strings.Contains(told.String(), "may take it back") {
		t.Errorf("before: %s", told.String())
	}
	other := owner + "_other"
	asAdmin("CREATE ROLE " + other)
	t.Cleanup(func() { asAdmin("DROP OWNED BY " + other + " CASCADE; DROP ROLE " + other) })
	asAdmin("GRANT SELECT ON user_account TO " + other + " WITH GRANT OPTION")
	asAdmin("SET ROLE " + other + "; GRANT SELECT ON user_account TO " + owner + "_ingestair; RESET ROLE")
	grant()
	if want := "SELECT because " + other + " granted it"; !strings.Contains(told.String(), want) {
		t.Errorf("%q is not told: %s", want, told.String())
	}
}

// Migrations come before the grants: until then nobody but the owner runs what runs as the owner.
func TestOwnersFunctionsAreForNobodyElse(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	if _, err := schema.Up(t.Context(), slog.New(slog.DiscardHandler), url); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	var n int
	var open string
	err = conn.QueryRow(t.Context(), `
		SELECT count(*), coalesce(string_agg(p.oid::regprocedure::text, ', ')
		                 FILTER (WHERE proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0)), '')
		  FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prosecdef`).Scan(&n, &open)
	if err != nil || n == 0 || open != "" {
		t.Errorf("of %d functions that run as the owner, PUBLIC may run %s (%v)", n, open, err)
	}
}

// A month that somebody works with keeps its half-built index, and no other month's.
func TestHalfBuiltIndexesOfOtherMonthsGo(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for _, month := range []string{"2031-05", "2031-06", "2031-07"} {
		for _, sql := range []string{
			"SELECT ensure_sample_partition('MONTH-01')", "CREATE INDEX NAME_ccnew ON NAME (time)",
			"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'NAME_ccnew'::regclass",
		} {
			sql = strings.NewReplacer("MONTH", month, "NAME", "sample_y"+strings.Replace(month, "-", "m", 1)).Replace(sql)
			if _, err := pool.Exec(t.Context(), sql); err != nil {
				t.Fatal(sql, err)
			}
		}
	}
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	pgtest.Exec(t, tx, "LOCK TABLE sample_y2031m06 IN ACCESS SHARE MODE")
	if _, err := pool.Exec(t.Context(), "SELECT drop_half_built_sample_indexes()"); err != nil {
		t.Fatal(err)
	}
	var left string
	err = pool.QueryRow(t.Context(), "SELECT coalesce(string_agg(relname, ', '), '') FROM pg_class WHERE relname LIKE '%ccnew'").Scan(&left)
	if err != nil || left != "sample_y2031m06_ccnew" {
		t.Errorf("left: %q, %v", left, err)
	}
}

// Tables that a session makes for itself do not stand in for those of functions that run as
// the owner.
func TestOwnersFunctionsUseOwnersTables(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	tx, err := pgtest.As(t, schema.Ingestair, owner).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	pgtest.Exec(t, tx, "CREATE TEMPORARY TABLE sample (LIKE public.sample) PARTITION BY RANGE (time)")
	pgtest.Exec(t, tx, "SELECT public.ensure_sample_partition('2031-05-01')")
	var parent string
	err = tx.QueryRow(t.Context(), "SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = 'public.sample_y2031m05'::regclass").Scan(&parent)
	if err != nil || parent != "public.sample" {
		t.Errorf("the month was attached to %q, %v", parent, err)
	}
}

// server is a database of an owner who is no superuser, as at those who run PostgreSQL for
// others, and whose roles go with the test.
func server(t *testing.T, attributes string) (ownerURL, owner string, asAdmin func(sql string)) {
	t.Helper()
	empty := pgtest.Empty(t)
	admin, err := pgx.Connect(t.Context(), empty)
	if err != nil {
		t.Fatal(err)
	}
	asAdmin = func(sql string) {
		t.Helper()
		if _, err := admin.Exec(context.WithoutCancel(t.Context()), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	owner = "o_" + strings.ToLower(rand.Text())
	asAdmin("CREATE ROLE " + owner + " LOGIN PASSWORD 'of the owner' " + attributes)
	asAdmin("GRANT CREATE ON SCHEMA public TO " + owner)
	asAdmin("GRANT CREATE ON DATABASE " + admin.Config().Database + " TO " + owner) // btree_gist
	t.Cleanup(func() {
		for _, role := range []string{"_managair", "_ingestair", "_exporter", ""} {
			asAdmin("DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '" + owner + role + "') THEN DROP OWNED BY " +
				owner + role + " CASCADE; DROP ROLE " + owner + role + "; END IF; END $$")
		}
		_ = admin.Close(context.WithoutCancel(t.Context()))
	})
	u, err := url.Parse(empty)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(owner, "of the owner")
	if _, err := schema.Up(t.Context(), slog.New(slog.DiscardHandler), u.String()); err != nil {
		t.Fatal(err)
	}
	return u.String(), owner, asAdmin
}

// connect logs in as a service, and returns what comes of a statement.
func connect(t *testing.T, ownerURL string, service schema.Service, password, sql string) error {
	t.Helper()
	u, err := url.Parse(ownerURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(service.Role(u.User.Username()), password)
	conn, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), sql)
	return err
}

func TestGrantMakesRolesAndKeepsThem(t *testing.T) {
	t.Parallel()
	database, owner, asAdmin := server(t, "CREATEROLE")
	asAdmin("ALTER SCHEMA public OWNER TO " + owner)
	var told bytes.Buffer
	grant := func(ingestair string) {
		t.Helper()
		err := schema.Grant(t.Context(), slog.New(slog.NewTextHandler(&told, nil)), database,
			map[schema.Service]string{schema.Ingestair: ingestair, schema.Managair: "it's quoted"})
		if err != nil {
			t.Fatal(err)
		}
	}
	grant("first")
	grant("first")
	for service, password := range map[schema.Service]string{schema.Ingestair: "first", schema.Managair: "it's quoted"} {
		if err := connect(t, database, service, password, "INSERT INTO sample_late VALUES (1, now())"); err != nil {
			t.Errorf("%s: %v", service, err)
		}
	}
	if !strings.Contains(told.String(), owner+"_exporter") {
		t.Errorf("of the role that is not there nothing is told: %s", told.String())
	}
	// What somebody granted by hand is taken back; a new password takes the place of the old.
	asAdmin("GRANT ALL ON user_account, node, sample TO " + owner + "_ingestair")
	asAdmin("GRANT EXECUTE ON FUNCTION detach_sample_partition TO " + owner + "_ingestair, PUBLIC")
	asAdmin("GRANT CREATE ON SCHEMA public TO " + owner + "_ingestair")
	grant("second")
	for _, sql := range []string{
		"SELECT FROM user_account", "SELECT alias FROM node", "TRUNCATE sample", "SELECT detach_sample_partition(now())",
		"CREATE TABLE public.mine (x integer)",
	} {
		if err := connect(t, database, schema.Ingestair, "second", sql); !pgdb.IsRefused(err) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if err := connect(t, database, schema.Ingestair, "first", "SELECT"); err == nil {
		t.Error("the old password lets in")
	}
}

func TestGrantWithoutTheRightToMakeRoles(t *testing.T) {
	t.Parallel()
	database, owner, asAdmin := server(t, "")
	log := slog.New(slog.DiscardHandler)
	passwords := map[schema.Service]string{schema.Ingestair: "of the ingestair"}
	if err := schema.Grant(t.Context(), log, database, nil); err != nil {
		t.Errorf("without passwords: %v", err)
	}
	err := schema.Grant(t.Context(), log, database, passwords)
	if err == nil || !strings.Contains(err.Error(), "CREATE ROLE "+owner+"_ingestair") || strings.Contains(err.Error(), "of the ingestair") {
		t.Errorf("nobody is told what to do, or everybody the password: %v", err)
	}
	asAdmin("CREATE ROLE " + owner + "_ingestair LOGIN PASSWORD 'by hand'")
	if err := schema.Grant(t.Context(), log, database, nil); err != nil {
		t.Fatal(err)
	}
	if err := connect(t, database, schema.Ingestair, "by hand", "SELECT FROM sample"); err != nil {
		t.Errorf("a role that was made by hand: %v", err)
	}
	if err := connect(t, database, schema.Ingestair, "by hand", "SELECT FROM user_account"); !pgdb.IsRefused(err) {
		t.Errorf("a role that was made by hand reads accounts: %v", err)
	}
}

func TestPasswordThatClientsReadDifferently(t *testing.T) {
	t.Parallel()
	database, _, _ := server(t, "CREATEROLE")
	err := schema.Grant(t.Context(), slog.New(slog.DiscardHandler), database, map[schema.Service]string{schema.Managair: "grün"})
	if err == nil || !strings.Contains(err.Error(), "ASCII") || strings.Contains(err.Error(), "grün") {
		t.Errorf("got %v", err)
	}
}
