-- +goose Up
-- What holds for everybody who writes samples stands here, once. The writers are
-- package samplestore and, when a node is registered, the function at the end.

-- sample_month_is_open tells whether samples of the (UTC) month that t falls into can
-- be stored: whether it has a partition that was not detached.
CREATE FUNCTION sample_month_is_open(t timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM pg_inherits
                    WHERE inhparent = 'sample'::regclass
                      AND inhrelid = to_regclass('sample_y' || to_char(t AT TIME ZONE 'UTC', 'YYYY"m"MM')))
$$;

-- open_sample_month makes a month's partition if there is none. It returns false for a
-- month that was detached: that one is archived, and its samples are rejected.
-- +goose StatementBegin
CREATE FUNCTION open_sample_month(t timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF sample_month_is_open(t) THEN
        RETURN true;
    END IF;
    PERFORM ensure_sample_partition(t);
    RETURN sample_month_is_open(t);
END
$$;
-- +goose StatementEnd

-- note_late_hours has hours of nodes rolled up again, as far as they were. It is called
-- after samples were added or removed, in the same transaction and in a statement of its
-- own: the snapshot has to be taken when the transaction has a number.
-- +goose StatementBegin
CREATE FUNCTION note_late_hours(nos integer[], times timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sample_late (node_no, hour)
    SELECT l.node_no, date_trunc('hour', l.time, 'UTC')
      FROM unnest(nos, times) AS l (node_no, time)
     WHERE l.time < (SELECT late_before FROM sample_rollup_state);
END
$$;
-- +goose StatementEnd
-- It asked for all hours of a node, and nobody called it.
DROP FUNCTION note_late_samples;

-- write_node_status takes over what is newer than what is known of nodes; arrays that
-- are shorter, or NULL, tell nothing. The newest sample's values are taken from the
-- sample itself: of repeated and conflicting ones its writer does not know which was
-- kept. For each node what is newer wins, because others may be about it too.
CREATE FUNCTION write_node_status(
    nos integer[], contacts timestamptz[], samples timestamptz[], rssis bigint[], snr_10s bigint[],
    data_rates bigint[], percents bigint[], millivolts bigint[], counters bigint[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO node_status AS old (
           node_no, last_contact_at, rssi_dbm, snr_db, data_rate_index, battery_percent, battery_millivolts, f_cnt,
           last_sample_at, last_co2_ppm, last_temperature_decicelsius, last_rel_humidity_percent, last_status)
    SELECT u.node_no, u.contact_at, u.rssi_dbm, u.snr_10 / 10.0, u.data_rate_index, u.battery_percent, u.battery_millivolts, u.f_cnt,
           s.time, s.co2_ppm, s.temperature_decicelsius, s.rel_humidity_percent, s.status
      FROM unnest(nos, contacts, samples, rssis, snr_10s, data_rates, percents, millivolts, counters)
        AS u (node_no, contact_at, sample_at, rssi_dbm, snr_10, data_rate_index, battery_percent, battery_millivolts, f_cnt)
      JOIN node n ON n.no = u.node_no
      LEFT JOIN sample s ON s.node_no = u.node_no AND s.time = u.sample_at
     ORDER BY u.node_no
        ON CONFLICT (node_no) DO UPDATE SET
           last_contact_at = greatest(old.last_contact_at, excluded.last_contact_at),
           rssi_dbm           = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.rssi_dbm, excluded.rssi_dbm) ELSE coalesce(excluded.rssi_dbm, old.rssi_dbm) END,
           snr_db             = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.snr_db, excluded.snr_db) ELSE coalesce(excluded.snr_db, old.snr_db) END,
           data_rate_index    = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.data_rate_index, excluded.data_rate_index) ELSE coalesce(excluded.data_rate_index, old.data_rate_index) END,
           battery_percent    = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.battery_percent, excluded.battery_percent) ELSE coalesce(excluded.battery_percent, old.battery_percent) END,
           battery_millivolts = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.battery_millivolts, excluded.battery_millivolts) ELSE coalesce(excluded.battery_millivolts, old.battery_millivolts) END,
           f_cnt              = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.f_cnt, excluded.f_cnt) ELSE coalesce(excluded.f_cnt, old.f_cnt) END,
           last_sample_at               = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_sample_at ELSE excluded.last_sample_at END,
           last_co2_ppm                 = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_co2_ppm ELSE excluded.last_co2_ppm END,
           last_temperature_decicelsius = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_temperature_decicelsius ELSE excluded.last_temperature_decicelsius END,
           last_rel_humidity_percent    = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_rel_humidity_percent ELSE excluded.last_rel_humidity_percent END,
           last_status                  = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_status ELSE excluded.last_status END
$$;

-- adopt_parked_samples stores what is parked for nodes. Samples of archived months are
-- rejected. The caller has locked parked_sample against whoever parks.
-- +goose StatementBegin
CREATE FUNCTION adopt_parked_samples(ids uuid[], nos integer[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    archived timestamptz[];
BEGIN
    PERFORM open_sample_month(month)
       FROM (SELECT DISTINCT date_trunc('month', time, 'UTC') AS month FROM parked_sample WHERE node_id = ANY (ids)) months;
    -- From here on no month is detached.
    LOCK TABLE ONLY sample IN ROW EXCLUSIVE MODE;
    SELECT coalesce(array_agg(month), '{}') INTO archived
      FROM (SELECT DISTINCT date_trunc('month', time, 'UTC') AS month FROM parked_sample WHERE node_id = ANY (ids)) months
     WHERE NOT sample_month_is_open(month);

    INSERT INTO rejected_sample (node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent,
                                 dev_eui, reason, field, detail)
    SELECT p.node_id, extract(epoch FROM p.time)::bigint, p.co2_ppm, p.temperature_decicelsius, p.rel_humidity_percent,
           p.dev_eui, 'too_old', 'time_s', 'the samples of ' || to_char(p.time AT TIME ZONE 'UTC', 'YYYY-MM') || ' are archived'
      FROM parked_sample p
     WHERE p.node_id = ANY (ids) AND date_trunc('month', p.time, 'UTC') = ANY (archived)
     ORDER BY p.node_id, p.time
        ON CONFLICT DO NOTHING;
    INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
    SELECT n.no, p.time, p.co2_ppm, p.temperature_decicelsius, p.rel_humidity_percent, p.status
      FROM parked_sample p JOIN unnest(ids, nos) AS n (id, no) ON p.node_id = n.id
     WHERE date_trunc('month', p.time, 'UTC') <> ALL (archived)
     ORDER BY n.no, p.time
        ON CONFLICT DO NOTHING;
    PERFORM note_late_hours(array_agg(no), array_agg(hour))
       FROM (SELECT DISTINCT n.no, date_trunc('hour', p.time, 'UTC') AS hour
               FROM parked_sample p JOIN unnest(ids, nos) AS n (id, no) ON p.node_id = n.id
              WHERE date_trunc('month', p.time, 'UTC') <> ALL (archived)) hours;
    PERFORM write_node_status(array_agg(no), array_agg(contact), array_agg(newest), NULL, NULL, NULL, NULL, NULL, NULL)
       FROM (SELECT n.no, max(coalesce(p.received_at, p.time)) AS contact,
                    max(p.time) FILTER (WHERE date_trunc('month', p.time, 'UTC') <> ALL (archived)) AS newest
               FROM parked_sample p JOIN unnest(ids, nos) AS n (id, no) ON p.node_id = n.id
              GROUP BY n.no) told;
    DELETE FROM parked_sample WHERE node_id = ANY (ids);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION node_adopts_parked_samples() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE parked_sample IN SHARE ROW EXCLUSIVE MODE;
    PERFORM adopt_parked_samples(array_agg(id), array_agg(no)) FROM new_node;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION node_adopts_parked_samples() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE parked_sample IN SHARE ROW EXCLUSIVE MODE;
    PERFORM ensure_sample_partition(month)
       FROM (SELECT DISTINCT date_trunc('month', p.time AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month
               FROM parked_sample p JOIN new_node n ON p.node_id = n.id) months;
    INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
    SELECT n.no, p.time, p.co2_ppm, p.temperature_decicelsius, p.rel_humidity_percent, p.status
      FROM parked_sample p JOIN new_node n ON p.node_id = n.id
     ORDER BY n.no, p.time
        ON CONFLICT DO NOTHING;
    INSERT INTO sample_late (node_no, hour)
    SELECT DISTINCT n.no, date_trunc('hour', p.time, 'UTC')
      FROM parked_sample p JOIN new_node n ON p.node_id = n.id
     WHERE p.time < (SELECT late_before FROM sample_rollup_state);
    INSERT INTO node_status (node_no, last_contact_at, last_sample_at, last_co2_ppm,
                             last_temperature_decicelsius, last_rel_humidity_percent, last_status)
    SELECT DISTINCT ON (n.no) n.no, max(coalesce(p.received_at, p.time)) OVER (PARTITION BY n.no), p.time, p.co2_ppm,
           p.temperature_decicelsius, p.rel_humidity_percent, p.status
      FROM parked_sample p JOIN new_node n ON p.node_id = n.id
     ORDER BY n.no, p.time DESC;
    DELETE FROM parked_sample p USING new_node n WHERE p.node_id = n.id;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
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
DROP FUNCTION adopt_parked_samples, write_node_status, note_late_hours, open_sample_month, sample_month_is_open;
