-- +goose Up
-- Quantities beside the CO2 of a sample, and those of nodes without CO2
-- (docs/decisions/0126-readings-packed-by-second.md). A row has all values of one node and
-- second, packed as package quantity says; what was in sample before stays as it is.
--
-- Columns are ordered by alignment.
CREATE TABLE reading (
    time     timestamptz NOT NULL,
    node_no  integer     NOT NULL,
    readings bytea       NOT NULL,
    CONSTRAINT reading_pkey PRIMARY KEY (node_no, time) INCLUDE (readings),
    -- The key has to fit into a page of its index.
    CONSTRAINT reading_length CHECK (octet_length(readings) BETWEEN 2 AND 1000)
) PARTITION BY RANGE (time);

-- What is parked and set aside, as samples are (migration 7).
CREATE TABLE parked_reading (
    node_id     uuid        NOT NULL,
    time        timestamptz NOT NULL,
    readings    bytea       NOT NULL,
    dev_eui     text,
    received_at timestamptz,
    parked_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT parked_reading_pkey PRIMARY KEY (node_id, time),
    CONSTRAINT parked_reading_length CHECK (octet_length(readings) BETWEEN 2 AND 1000),
    CONSTRAINT parked_reading_dev_eui_form CHECK (dev_eui ~ '^[0-9A-F]{16}$')
);
CREATE INDEX parked_reading_parked_at ON parked_reading (parked_at);

CREATE TABLE rejected_reading (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id     uuid        NOT NULL,
    time_s      bigint      NOT NULL,
    readings    bytea       NOT NULL,
    dev_eui     text,
    reason      text        NOT NULL,
    field       text        NOT NULL,
    detail      text        NOT NULL,
    rejected_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT rejected_reading_once UNIQUE (node_id, time_s, readings, reason, field),
    CONSTRAINT rejected_reading_length CHECK (octet_length(readings) BETWEEN 2 AND 1000)
);
CREATE INDEX rejected_reading_rejected_at ON rejected_reading (rejected_at);

-- share_privileges gives the table of a month what is granted on the table that it is of.
-- +goose StatementBegin
CREATE FUNCTION share_privileges(parent regclass, month regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT privilege_type, grantee::regrole AS role
          FROM pg_class c, aclexplode(c.relacl)
         WHERE c.oid = parent AND grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('GRANT %s ON %s TO %s', granted.privilege_type, month, granted.role);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- ensure_month_of makes the partition of a month, as ensure_sample_partition did for sample:
-- rows are only ever added, so the default thresholds (a share of the table) would leave the
-- visibility map behind, and index-only reads of series need it. Building it aside and
-- attaching it takes a weaker lock than CREATE TABLE .. PARTITION OF.
-- +goose StatementBegin
CREATE FUNCTION ensure_month_of(parent regclass, month_start timestamp) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    name text := parent || '_y' || to_char(month_start, 'YYYY"m"MM');
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = 'public'::regnamespace) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ensure_sample_partition'));
    IF EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = 'public'::regnamespace) THEN
        RETURN;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)'
        ' WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000)',
        name, parent);
    PERFORM share_privileges(parent, name::regclass);
    EXECUTE format(
        'ALTER TABLE %s ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, name, month_start AT TIME ZONE 'UTC', (month_start + interval '1 month') AT TIME ZONE 'UTC');
END
$$;
-- +goose StatementEnd

-- Months of readings are made with those of samples.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION ensure_sample_partition(t timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month_start timestamp := date_trunc('month', t AT TIME ZONE 'UTC');
BEGIN
    PERFORM ensure_month_of('sample', month_start);
    PERFORM ensure_month_of('reading', month_start);
END
$$;

-- open_sample_month makes a month's partitions if there are none, also where somebody made that
-- of the samples alone, as before. It returns false for a month that was detached: that one is
-- archived, and its samples and readings are rejected.
CREATE OR REPLACE FUNCTION open_sample_month(t timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT sample_month_is_open(t) THEN
        PERFORM ensure_sample_partition(t);
    END IF;
    IF NOT sample_month_is_open(t) THEN
        RETURN false;
    END IF;
    IF to_regclass('reading_y' || to_char(t AT TIME ZONE 'UTC', 'YYYY"m"MM')) IS NULL THEN
        PERFORM ensure_sample_partition(t);
    END IF;
    RETURN true;
END
$$;

-- The months that there are.
DO $$
DECLARE
    month text;
BEGIN
    FOR month IN SELECT substr(c.relname, length('sample_y') + 1)
                   FROM pg_inherits p JOIN pg_class c ON c.oid = p.inhrelid
                  WHERE p.inhparent = 'sample'::regclass AND c.relname ~ '^sample_y\d{4}m\d{2}$'
    LOOP
        PERFORM ensure_month_of('reading', to_timestamp(month, 'YYYY"m"MM')::date::timestamp);
    END LOOP;
END
$$;

-- A month that is taken out of sight is archived with its readings, as archived_reading_y….
-- They lose their name with that: where the samples' table is dropped, the month can begin anew,
-- and be archived again, as archived_reading_y…_2. Locks are in the order of those who write and
-- read: sample, then reading.
CREATE OR REPLACE FUNCTION detach_sample_partition(t timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    month_start timestamptz := date_trunc('month', t, 'UTC');
    month_end   timestamptz := (month_start AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    month       text        := '_y' || to_char(month_start AT TIME ZONE 'UTC', 'YYYY"m"MM');
    archive     text        := 'archived_reading' || month;
    n           integer     := 1;
BEGIN
    EXECUTE format('ALTER TABLE sample DETACH PARTITION %I', 'sample' || month);
    IF EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'reading'::regclass AND inhrelid = to_regclass('reading' || month)) THEN
        EXECUTE format('ALTER TABLE reading DETACH PARTITION %I', 'reading' || month);
        WHILE to_regclass(archive) IS NOT NULL LOOP
            n := n + 1;
            archive := 'archived_reading' || month || '_' || n;
        END LOOP;
        EXECUTE format('ALTER TABLE %I RENAME TO %I', 'reading' || month, archive);
    END IF;
    DELETE FROM sample_hour WHERE hour >= month_start AND hour < month_end;
    DELETE FROM sample_day WHERE day >= month_start AND day < month_end;
    DELETE FROM sample_late WHERE hour >= month_start AND hour < month_end;
    RETURN 'sample' || month;
END
$$;

-- adopt_parked_readings stores what is parked for nodes. Those of archived months are
-- rejected. The lock conflicts with the one that an INSERT into parked_reading takes: readings
-- on their way there either commit before and are adopted, or wait and then see the node.
CREATE FUNCTION adopt_parked_readings(ids uuid[], nos integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE parked_reading IN SHARE ROW EXCLUSIVE MODE;
    PERFORM open_sample_month(month)
       FROM (SELECT DISTINCT date_trunc('month', time, 'UTC') AS month FROM parked_reading WHERE node_id = ANY (ids)) months;
    -- From here on no month is detached.
    LOCK TABLE ONLY sample, ONLY reading IN ROW EXCLUSIVE MODE;
    INSERT INTO rejected_reading (node_id, time_s, readings, dev_eui, reason, field, detail)
    SELECT p.node_id, extract(epoch FROM p.time)::bigint, p.readings, p.dev_eui, 'too_old', 'time_s',
           'the samples of ' || to_char(p.time AT TIME ZONE 'UTC', 'YYYY-MM') || ' are archived'
      FROM parked_reading p
     WHERE p.node_id = ANY (ids) AND NOT sample_month_is_open(p.time)
     ORDER BY p.node_id, p.time
        ON CONFLICT DO NOTHING;
    INSERT INTO reading (node_no, time, readings)
    SELECT n.no, p.time, p.readings
      FROM parked_reading p JOIN unnest(ids, nos) AS n (id, no) ON p.node_id = n.id
     WHERE sample_month_is_open(p.time)
     ORDER BY n.no, p.time
        ON CONFLICT DO NOTHING;
    PERFORM write_node_status(array_agg(no), array_agg(contact), NULL, NULL, NULL, NULL, NULL, NULL, NULL)
       FROM (SELECT n.no, max(coalesce(p.received_at, p.time)) AS contact
               FROM parked_reading p JOIN unnest(ids, nos) AS n (id, no) ON p.node_id = n.id
              GROUP BY n.no) told
     HAVING count(*) > 0;
    DELETE FROM parked_reading WHERE node_id = ANY (ids);
END
$$;

CREATE OR REPLACE FUNCTION node_adopts_parked_samples() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE parked_sample IN SHARE ROW EXCLUSIVE MODE;
    PERFORM adopt_parked_samples(array_agg(id), array_agg(no)), adopt_parked_readings(array_agg(id), array_agg(no)) FROM new_node;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION ensure_month_of, share_privileges FROM PUBLIC;

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION open_sample_month(t timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF sample_month_is_open(t) THEN
        RETURN true;
    END IF;
    PERFORM ensure_sample_partition(t);
    RETURN sample_month_is_open(t);
END
$$;

CREATE OR REPLACE FUNCTION node_adopts_parked_samples() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE parked_sample IN SHARE ROW EXCLUSIVE MODE;
    PERFORM adopt_parked_samples(array_agg(id), array_agg(no)) FROM new_node;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION detach_sample_partition(t timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    month_start timestamptz := date_trunc('month', t, 'UTC');
    month_end   timestamptz := (month_start AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    name        text        := 'sample_y' || to_char(month_start AT TIME ZONE 'UTC', 'YYYY"m"MM');
BEGIN
    EXECUTE format('ALTER TABLE sample DETACH PARTITION %I', name);
    DELETE FROM sample_hour WHERE hour >= month_start AND hour < month_end;
    DELETE FROM sample_day WHERE day >= month_start AND day < month_end;
    DELETE FROM sample_late WHERE hour >= month_start AND hour < month_end;
    RETURN name;
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
-- +goose StatementEnd
DROP FUNCTION adopt_parked_readings, ensure_month_of, share_privileges;
-- With the months that are readings'. Those that were archived stay: they are perhaps the only copy.
DROP TABLE rejected_reading, parked_reading, reading;
