-- +goose Up
-- A sample of a faulty sensor says nothing of the air: it is kept as it was measured, and
-- neither counted nor taken into sums, minima and maxima. Which those are is decided in
-- package measurement, for new samples at the way in; here, once, for those that came
-- before. Rows are locked, not tables: readers and writers go on.
UPDATE sample SET status = 'E' WHERE co2_ppm < 300 AND status <> 'E';
UPDATE parked_sample SET status = 'E' WHERE co2_ppm < 300 AND status <> 'E';
UPDATE node_status SET last_status = 'E' WHERE last_co2_ppm < 300 AND last_status <> 'E';

-- sample_hours_raw aggregates the samples of a node in [from_time, to_time) by hour, but
-- for those of a faulty sensor.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION sample_hours_raw(no integer, from_time timestamptz, to_time timestamptz) RETURNS SETOF sample_hour
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
-- +goose StatementEnd

-- sample_count counts the samples of a node in [from_time, to_time), but for those of a
-- faulty sensor; NULL is no bound. It reads at most a row for each day, two days of hours,
-- and the samples of a few hours.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION sample_count(no integer, from_time timestamptz, to_time timestamptz) RETURNS bigint
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
        RETURN (SELECT count(*) FROM sample WHERE node_no = no AND time >= t0 AND time < t1 AND status <> 'E');
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
                     WHERE s.node_no = no AND s.time >= late.hour AND s.time < late.hour + interval '1 hour' AND s.status <> 'E')
                   - coalesce((SELECT h.n FROM sample_hour h WHERE h.node_no = no AND h.hour = late.hour), 0))
          FROM (SELECT DISTINCT hour FROM sample_late WHERE node_no = no AND hour >= h0 AND hour < h1) late), 0);
    -- The broken hour at the begin, and all that is not rolled up or broken at the end.
    RETURN total
        + (SELECT count(*) FROM sample WHERE node_no = no AND time >= t0 AND time < h0 AND status <> 'E')
        + (SELECT count(*) FROM sample WHERE node_no = no AND time >= h1 AND time < t1 AND status <> 'E');
END
$$;
-- +goose StatementEnd

-- Hours that have such samples were rolled up with them.
INSERT INTO sample_late (node_no, hour)
SELECT DISTINCT node_no, date_trunc('hour', time, 'UTC')
  FROM sample
 WHERE status = 'E' AND time < (SELECT late_before FROM sample_rollup_state);

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION sample_hours_raw(no integer, from_time timestamptz, to_time timestamptz) RETURNS SETOF sample_hour
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
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION sample_count(no integer, from_time timestamptz, to_time timestamptz) RETURNS bigint
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

INSERT INTO sample_late (node_no, hour)
SELECT DISTINCT node_no, date_trunc('hour', time, 'UTC')
  FROM sample
 WHERE status = 'E' AND time < (SELECT late_before FROM sample_rollup_state);
