-- +goose Up
-- Services log in with roles of their own, which own nothing (the folder grants beside
-- this one says what each may). What takes the owner is done for them by functions that run
-- as the owner, with a fixed search_path, so that no table of a caller stands in for ours.

-- share_sample_privileges gives the table of a month what is granted on sample: who looks
-- after a month's index needs it on that table itself.
-- +goose StatementBegin
CREATE FUNCTION share_sample_privileges(month regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT privilege_type, grantee::regrole AS role
          FROM pg_class c, aclexplode(c.relacl)
         WHERE c.oid = 'sample'::regclass AND grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('GRANT %s ON %s TO %s', granted.privilege_type, month, granted.role);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION ensure_sample_partition(t timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month_start timestamp := date_trunc('month', t AT TIME ZONE 'UTC');
    name        text      := 'sample_y' || to_char(month_start, 'YYYY"m"MM');
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = 'public'::regnamespace) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ensure_sample_partition'));
    IF EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = 'public'::regnamespace) THEN
        RETURN;
    END IF;
    -- Rows are only ever added, so the default thresholds (a share of the table) would
    -- leave the visibility map behind, and index-only reads of series need it.
    EXECUTE format(
        'CREATE TABLE %I (LIKE sample INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)'
        ' WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000)',
        name);
    PERFORM share_sample_privileges(name);
    EXECUTE format(
        'ALTER TABLE sample ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        name, month_start AT TIME ZONE 'UTC', (month_start + interval '1 month') AT TIME ZONE 'UTC');
END
$$;

-- fill_sample_index has the next rebuild of a month's index leave no room on its pages.
CREATE FUNCTION fill_sample_index(index regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_index i JOIN pg_inherits p ON p.inhrelid = i.indrelid
                    WHERE i.indexrelid = index AND p.inhparent = 'sample'::regclass) THEN
        RAISE '% is no index of a month of samples', index USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('ALTER INDEX %s SET (fillfactor = 100)', index);
END
$$;

-- drop_half_built_sample_indexes removes what rebuilds of months' indexes left that were
-- interrupted. Readers and writers of such a month wait for a moment only: when somebody is
-- at it for longer, it is left to the next turn.
CREATE FUNCTION drop_half_built_sample_indexes() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    index regclass;
BEGIN
    FOR index IN
        SELECT i.indexrelid
          FROM pg_index i JOIN pg_inherits p ON p.inhrelid = i.indrelid
         WHERE NOT i.indisvalid AND p.inhparent = 'sample'::regclass AND i.indexrelid::regclass::text ~ '_ccnew\d*$'
    LOOP
        EXECUTE format('DROP INDEX %s', index);
    END LOOP;
EXCEPTION WHEN lock_not_available THEN
    NULL;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION drop_half_built_sample_indexes, fill_sample_index;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION ensure_sample_partition(t timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    month_start timestamp := date_trunc('month', t AT TIME ZONE 'UTC');
    name        text      := 'sample_y' || to_char(month_start, 'YYYY"m"MM');
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = current_schema()::regnamespace) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ensure_sample_partition'));
    IF EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = current_schema()::regnamespace) THEN
        RETURN;
    END IF;
    -- Rows are only ever added, so the default thresholds (a share of the table) would
    -- leave the visibility map behind, and index-only reads of series need it.
    EXECUTE format(
        'CREATE TABLE %I (LIKE sample INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)'
        ' WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000)',
        name);
    EXECUTE format(
        'ALTER TABLE sample ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        name, month_start AT TIME ZONE 'UTC', (month_start + interval '1 month') AT TIME ZONE 'UTC');
END
$$;
-- +goose StatementEnd
DROP FUNCTION share_sample_privileges;
