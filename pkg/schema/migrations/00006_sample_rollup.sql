-- +goose Up
-- Samples by hour and by day, so that counting them, and drawing a year of them,
-- costs the same however many there are. Readers call the functions at the end of
-- this file (sample_count, sample_hours, sample_days): their answers are exact at
-- any time, in the snapshot of the calling statement, because they take from the
-- roll-ups only what is known to be complete and the rest from the samples.
--
-- How a roll-up can lag without ever being wrong:
--   - Hours before rolled_until are rolled up. Later ones are counted in sample.
--   - Whoever writes samples of hours before late_before (which is rolled_until or
--     ahead of it) adds those hours to sample_late in the same transaction, after
--     the samples. Readers count the hours in sample_late in sample.
--   - A job rolls up hours in sample_late again and removes them from there, in one
--     transaction. sample_late is only ever added to, so nobody waits for the job:
--     what is added while it works stays there for its next turn.
--   - To move on, the job first raises late_before and commits; then it waits until
--     all transactions have ended that may not have seen that (barrier); then it
--     rolls up the hours in between and raises rolled_until.

CREATE TABLE sample_hour (
    hour             timestamptz NOT NULL,
    node_no          integer     NOT NULL,
    n                integer     NOT NULL,
    -- Sums, because means cannot be added up.
    co2_sum          integer     NOT NULL,
    co2_min          smallint    NOT NULL,
    co2_max          smallint    NOT NULL,
    -- In tenths of a degree; min and max are NULL when temperature_n is 0.
    temperature_n    integer     NOT NULL,
    temperature_sum  integer     NOT NULL,
    temperature_min  smallint,
    temperature_max  smallint,
    rel_humidity_n   integer     NOT NULL,
    rel_humidity_sum integer     NOT NULL,
    rel_humidity_min smallint,
    rel_humidity_max smallint,
    -- A year of hours is read from the key alone: its rows came hour by hour, so each is
    -- on a page of its own.
    CONSTRAINT sample_hour_pkey PRIMARY KEY (node_no, hour)
        INCLUDE (n, co2_sum, co2_min, co2_max, temperature_n, temperature_sum, temperature_min, temperature_max,
                 rel_humidity_n, rel_humidity_sum, rel_humidity_min, rel_humidity_max)
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000);

-- sample_day has the sum of the hours of a UTC day, always.
CREATE TABLE sample_day (LIKE sample_hour);
ALTER TABLE sample_day RENAME COLUMN hour TO day;
ALTER TABLE sample_day ADD CONSTRAINT sample_day_pkey PRIMARY KEY (node_no, day);

-- sample_total has the sum of the days of a node, always. Lists show the number of
-- samples of each of a hundred nodes, and adding up years of days for that costs a
-- hundred times what one row does.
CREATE TABLE sample_total (
    node_no integer PRIMARY KEY,
    n       bigint NOT NULL
);

-- Rows are changed in the order of their key, so that two writers cannot deadlock.
CREATE FUNCTION add_to_sample_total(nos integer[], ns bigint[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sample_total AS t (node_no, n)
    SELECT no, sum(delta) FROM unnest(nos, ns) change (no, delta) GROUP BY no ORDER BY no
        ON CONFLICT (node_no) DO UPDATE SET n = t.n + excluded.n
$$;

-- +goose StatementBegin
CREATE FUNCTION sample_day_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM add_to_sample_total(array_agg(node_no), array_agg(n::bigint)) FROM new_day HAVING count(*) > 0;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM add_to_sample_total(array_agg(node_no), array_agg(-n::bigint)) FROM old_day HAVING count(*) > 0;
    ELSE
        PERFORM add_to_sample_total(array_agg(node_no), array_agg(n))
           FROM (SELECT node_no, n::bigint FROM new_day UNION ALL SELECT node_no, -n::bigint FROM old_day) d HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER sample_day_inserted AFTER INSERT ON sample_day
    REFERENCING NEW TABLE AS new_day FOR EACH STATEMENT EXECUTE FUNCTION sample_day_changed();
CREATE TRIGGER sample_day_updated AFTER UPDATE ON sample_day
    REFERENCING NEW TABLE AS new_day OLD TABLE AS old_day FOR EACH STATEMENT EXECUTE FUNCTION sample_day_changed();
CREATE TRIGGER sample_day_deleted AFTER DELETE ON sample_day
    REFERENCING OLD TABLE AS old_day FOR EACH STATEMENT EXECUTE FUNCTION sample_day_changed();

-- sample_late has hours whose roll-up is out of date, each any number of times.
CREATE TABLE sample_late (
    node_no integer     NOT NULL,
    hour    timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX sample_late_key ON sample_late (node_no, hour);

CREATE TABLE sample_rollup_state (
    only_row     boolean PRIMARY KEY DEFAULT true,
    rolled_until timestamptz NOT NULL,
    late_before  timestamptz NOT NULL,
    -- Transactions older than this may not have seen late_before. NULL: not yet known.
    barrier      xid8,
    CONSTRAINT sample_rollup_state_one_row CHECK (only_row),
    CONSTRAINT sample_rollup_state_whole_hours CHECK (
        rolled_until = date_trunc('hour', rolled_until, 'UTC') AND late_before = date_trunc('hour', late_before, 'UTC')),
    CONSTRAINT sample_rollup_state_order CHECK (rolled_until <= late_before)
);
INSERT INTO sample_rollup_state (rolled_until, late_before)
VALUES (date_trunc('hour', now(), 'UTC'), date_trunc('hour', now(), 'UTC'));

-- note_late_samples is for those who add or remove samples of nodes by other ways
-- than the ingestair: they call it in the same transaction, after that.
CREATE FUNCTION note_late_samples(nos integer[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sample_late (node_no, hour)
    SELECT DISTINCT s.node_no, date_trunc('hour', s.time, 'UTC')
      FROM sample s
     WHERE s.node_no = ANY (nos)
       AND s.time < (SELECT late_before FROM sample_rollup_state)
    UNION
    SELECT h.node_no, h.hour FROM sample_hour h WHERE h.node_no = ANY (nos)
$$;

-- sample_hours_raw aggregates the samples of a node in [from_time, to_time) by hour.
CREATE FUNCTION sample_hours_raw(no integer, from_time timestamptz, to_time timestamptz) RETURNS SETOF sample_hour
LANGUAGE sql STABLE AS $$
    SELECT date_trunc('hour', s.time, 'UTC'), s.node_no, count(*)::integer,
           sum(s.co2_ppm)::integer, min(s.co2_ppm), max(s.co2_ppm),
           count(s.temperature_decicelsius)::integer, coalesce(sum(s.temperature_decicelsius), 0)::integer,
           min(s.temperature_decicelsius), max(s.temperature_decicelsius),
           count(s.rel_humidity_percent)::integer, coalesce(sum(s.rel_humidity_percent), 0)::integer,
           min(s.rel_humidity_percent), max(s.rel_humidity_percent)
      FROM sample s
     WHERE s.node_no = no AND s.time >= from_time AND s.time < to_time
     GROUP BY 1, 2
$$;

-- The following functions keep their plans (PL/pgSQL), because planning over many
-- partitions takes longer than the query; and are not compiled (jit), which the
-- planner's cautious estimates would lead to, and takes seconds.

-- sample_hours returns the hours of a node that begin in [from_hour, to_hour) and
-- have samples, in no order. Both bounds are whole hours.
-- +goose StatementBegin
CREATE FUNCTION sample_hours(no integer, from_hour timestamptz, to_hour timestamptz) RETURNS SETOF sample_hour
LANGUAGE plpgsql STABLE PARALLEL SAFE SET jit = off AS $$
DECLARE
    rolled timestamptz := (SELECT rolled_until FROM sample_rollup_state);
BEGIN
    RETURN QUERY
    SELECT h.*
      FROM sample_hour h
     WHERE h.node_no = no AND h.hour >= from_hour AND h.hour < least(to_hour, rolled)
       AND NOT EXISTS (SELECT FROM sample_late l WHERE l.node_no = no AND l.hour = h.hour);
    RETURN QUERY
    SELECT r.*
      FROM (SELECT DISTINCT l.hour
              FROM sample_late l
             WHERE l.node_no = no AND l.hour >= from_hour AND l.hour < least(to_hour, rolled)) late,
           LATERAL sample_hours_raw(no, late.hour, late.hour + interval '1 hour') r;
    RETURN QUERY
    SELECT r.* FROM sample_hours_raw(no, greatest(from_hour, rolled), to_hour) r;
END
$$;
-- +goose StatementEnd

-- sample_days returns the UTC days of a node that begin in [from_day, to_day) and
-- have samples, in no order. Both bounds are whole UTC days.
-- +goose StatementBegin
CREATE FUNCTION sample_days(no integer, from_day timestamptz, to_day timestamptz) RETURNS SETOF sample_day
LANGUAGE plpgsql STABLE PARALLEL SAFE SET jit = off AS $$
DECLARE
    -- The last day with a complete row ends here.
    rolled  timestamptz   := date_trunc('day', (SELECT rolled_until FROM sample_rollup_state), 'UTC');
    late    timestamptz[] := (
        SELECT coalesce(array_agg(DISTINCT date_trunc('day', l.hour, 'UTC')), '{}')
          FROM sample_late l
         WHERE l.node_no = no AND l.hour >= from_day AND l.hour < least(to_day, rolled));
BEGIN
    RETURN QUERY
    SELECT d.*
      FROM sample_day d
     WHERE d.node_no = no AND d.day >= from_day AND d.day < least(to_day, rolled) AND d.day <> ALL (late);
    RETURN QUERY
    SELECT date_trunc('day', h.hour, 'UTC'), no,
           sum(h.n)::integer, sum(h.co2_sum)::integer, min(h.co2_min), max(h.co2_max),
           sum(h.temperature_n)::integer, sum(h.temperature_sum)::integer, min(h.temperature_min), max(h.temperature_max),
           sum(h.rel_humidity_n)::integer, sum(h.rel_humidity_sum)::integer, min(h.rel_humidity_min), max(h.rel_humidity_max)
      FROM (SELECT r.*
              FROM unnest(late) AS l (day), LATERAL sample_hours(no, l.day, l.day + interval '24 hours') r
             UNION ALL
            SELECT r.* FROM sample_hours(no, greatest(from_day, rolled), to_day) r) h
     GROUP BY 1;
END
$$;
-- +goose StatementEnd

-- sample_count counts the samples of a node in [from_time, to_time); NULL is no
-- bound. It reads at most a row for each day, two days of hours, and the samples of
-- a few hours.
-- +goose StatementBegin
CREATE FUNCTION sample_count(no integer, from_time timestamptz, to_time timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SET jit = off AS $$
DECLARE
    -- Before any sample, and finite.
    t0    timestamptz := greatest(from_time, '1999-01-01T00:00:00Z');
    t1    timestamptz := coalesce(to_time, 'infinity');
    h0    timestamptz := date_trunc('hour', t0 + interval '1 hour' - interval '1 microsecond', 'UTC');
    h1    timestamptz := date_trunc('hour', least(t1, (SELECT rolled_until FROM sample_rollup_state)), 'UTC');
    d0    timestamptz;
    d1    timestamptz;
    total bigint;
BEGIN
    IF h0 >= h1 THEN
        RETURN (SELECT count(*) FROM sample WHERE node_no = no AND time >= t0 AND time < t1);
    END IF;
    d0 := date_trunc('day', h0 + interval '24 hours' - interval '1 microsecond', 'UTC');
    d1 := date_trunc('day', h1, 'UTC');
    IF d0 < d1 THEN
        SELECT coalesce(sum(n), 0) INTO total FROM (
            SELECT n FROM sample_hour WHERE node_no = no AND hour >= h0 AND hour < d0
            UNION ALL
            SELECT n FROM sample_day WHERE node_no = no AND day >= d0 AND day < d1
            UNION ALL
            SELECT n FROM sample_hour WHERE node_no = no AND hour >= d1 AND hour < h1
        ) rolled;
    ELSE
        SELECT coalesce(sum(n), 0) INTO total FROM sample_hour WHERE node_no = no AND hour >= h0 AND hour < h1;
    END IF;
    -- What the roll-ups have wrong.
    total := total + coalesce((
        SELECT sum((SELECT count(*) FROM sample s
                     WHERE s.node_no = no AND s.time >= late.hour AND s.time < late.hour + interval '1 hour')
                   - coalesce((SELECT h.n FROM sample_hour h WHERE h.node_no = no AND h.hour = late.hour), 0))
          FROM (SELECT DISTINCT hour FROM sample_late WHERE node_no = no AND hour >= h0 AND hour < h1) late), 0);
    -- The broken hour at the begin, and all that is not rolled up or broken at the end.
    RETURN total
        + (SELECT count(*) FROM sample WHERE node_no = no AND time >= t0 AND time < h0)
        + (SELECT count(*) FROM sample WHERE node_no = no AND time >= h1 AND time < t1);
END
$$;
-- +goose StatementEnd

-- detach_sample_partition takes the samples of the UTC month that t falls into out
-- of sight, with their roll-ups. The table stays, for an archive or for DROP TABLE;
-- as long as it is there, samples of that month are rejected as too old.
-- +goose StatementBegin
CREATE FUNCTION detach_sample_partition(t timestamptz) RETURNS text
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
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION detach_sample_partition, sample_count, sample_days, sample_hours, sample_hours_raw, note_late_samples;
DROP TABLE sample_rollup_state, sample_late, sample_total, sample_day, sample_hour;
DROP FUNCTION sample_day_changed, add_to_sample_total;
