-- +goose Up
-- Versions to come add columns. Functions that answer with the rows of a table (SETOF) then
-- have too few: they say by themselves what they answer with, in the order of the columns
-- that they had, so yesterday's ingestair goes on with them.
DROP FUNCTION sample_days, sample_hours, sample_hours_raw;

-- sample_hours_raw aggregates the samples of a node in [from_time, to_time) by hour, but
-- for those of a faulty sensor.
CREATE FUNCTION sample_hours_raw(no integer, from_time timestamptz, to_time timestamptz) RETURNS TABLE (
    hour timestamptz, node_no integer, n integer, co2_sum integer, co2_min smallint, co2_max smallint,
    temperature_n integer, temperature_sum integer, temperature_min smallint, temperature_max smallint,
    rel_humidity_n integer, rel_humidity_sum integer, rel_humidity_min smallint, rel_humidity_max smallint)
LANGUAGE sql STABLE AS $$
    SELECT date_trunc('hour', s.time, 'UTC'), s.node_no, count(*)::integer,
           sum(s.co2_ppm)::integer, min(s.co2_ppm), max(s.co2_ppm),
           count(s.temperature_decicelsius)::integer, coalesce(sum(s.temperature_decicelsius), 0)::integer,
           min(s.temperature_decicelsius), max(s.temperature_decicelsius),
           count(s.rel_humidity_percent)::integer, coalesce(sum(s.rel_humidity_percent), 0)::integer,
           min(s.rel_humidity_percent), max(s.rel_humidity_percent)
      FROM sample s
     WHERE s.node_no = no AND s.time >= from_time AND s.time < to_time AND s.status <> 'E'
     GROUP BY 1, 2
$$;

-- sample_hours returns the hours of a node that begin in [from_hour, to_hour) and
-- have samples, in no order. Both bounds are whole hours.
-- +goose StatementBegin
CREATE FUNCTION sample_hours(no integer, from_hour timestamptz, to_hour timestamptz) RETURNS TABLE (
    hour timestamptz, node_no integer, n integer, co2_sum integer, co2_min smallint, co2_max smallint,
    temperature_n integer, temperature_sum integer, temperature_min smallint, temperature_max smallint,
    rel_humidity_n integer, rel_humidity_sum integer, rel_humidity_min smallint, rel_humidity_max smallint)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET jit = off AS $$
DECLARE
    rolled timestamptz := (SELECT rolled_until FROM sample_rollup_state);
BEGIN
    RETURN QUERY
    SELECT h.hour, h.node_no, h.n, h.co2_sum, h.co2_min, h.co2_max,
           h.temperature_n, h.temperature_sum, h.temperature_min, h.temperature_max,
           h.rel_humidity_n, h.rel_humidity_sum, h.rel_humidity_min, h.rel_humidity_max
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
CREATE FUNCTION sample_days(no integer, from_day timestamptz, to_day timestamptz) RETURNS TABLE (
    day timestamptz, node_no integer, n integer, co2_sum integer, co2_min smallint, co2_max smallint,
    temperature_n integer, temperature_sum integer, temperature_min smallint, temperature_max smallint,
    rel_humidity_n integer, rel_humidity_sum integer, rel_humidity_min smallint, rel_humidity_max smallint)
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
    SELECT d.day, d.node_no, d.n, d.co2_sum, d.co2_min, d.co2_max,
           d.temperature_n, d.temperature_sum, d.temperature_min, d.temperature_max,
           d.rel_humidity_n, d.rel_humidity_sum, d.rel_humidity_min, d.rel_humidity_max
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

-- What runs as the owner is for nobody but whom the grants name, also until they are applied.
REVOKE ALL ON FUNCTION ensure_sample_partition, fill_sample_index, drop_half_built_sample_indexes FROM PUBLIC;

-- One index that somebody is at keeps none of the others.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION drop_half_built_sample_indexes() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    index regclass;
BEGIN
    FOR index IN
        SELECT i.indexrelid
          FROM pg_index i JOIN pg_inherits p ON p.inhrelid = i.indrelid
         WHERE NOT i.indisvalid AND p.inhparent = 'sample'::regclass AND i.indexrelid::regclass::text ~ '_ccnew\d*$'
    LOOP
        BEGIN
            EXECUTE format('DROP INDEX %s', index);
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION drop_half_built_sample_indexes() RETURNS void
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
GRANT EXECUTE ON FUNCTION ensure_sample_partition, fill_sample_index, drop_half_built_sample_indexes TO PUBLIC;
DROP FUNCTION sample_days, sample_hours, sample_hours_raw;
CREATE FUNCTION sample_hours_raw(no integer, from_time timestamptz, to_time timestamptz) RETURNS SETOF sample_hour
LANGUAGE sql STABLE AS $$
    SELECT date_trunc('hour', s.time, 'UTC'), s.node_no, count(*)::integer,
           sum(s.co2_ppm)::integer, min(s.co2_ppm), max(s.co2_ppm),
           count(s.temperature_decicelsius)::integer, coalesce(sum(s.temperature_decicelsius), 0)::integer,
           min(s.temperature_decicelsius), max(s.temperature_decicelsius),
           count(s.rel_humidity_percent)::integer, coalesce(sum(s.rel_humidity_percent), 0)::integer,
           min(s.rel_humidity_percent), max(s.rel_humidity_percent)
      FROM sample s
     WHERE s.node_no = no AND s.time >= from_time AND s.time < to_time AND s.status <> 'E'
     GROUP BY 1, 2
$$;

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
