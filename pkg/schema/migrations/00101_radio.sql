-- +goose Up
-- How the radio of a node reaches us: which rooms are far from a gateway.

-- What its last uplink told, beside RSSI and SNR of the gateway that heard it best.
ALTER TABLE node_status
    ADD COLUMN spreading_factor smallint,
    ADD COLUMN bandwidth_khz    integer,
    ADD COLUMN frequency_hz     bigint,
    -- How many gateways heard it.
    ADD COLUMN gateways         integer,
    ADD CONSTRAINT node_status_spreading_factor_range CHECK (spreading_factor BETWEEN 5 AND 12);
-- The Things Stack has told no index since v3.16; 0 was made up. Where it was true, the next
-- uplink tells it again.
UPDATE node_status SET data_rate_index = NULL WHERE data_rate_index = 0;

-- node_radio_day counts the uplinks of a node in a day of UTC, by the network server's
-- clock. The row of its newest day is also where the count goes on from.
CREATE TABLE node_radio_day (
    node_no   integer     NOT NULL REFERENCES node (no) ON DELETE CASCADE,
    day       date        NOT NULL,
    -- The newest uplink, and its frame counter.
    last_at   timestamptz NOT NULL,
    f_cnt     bigint      NOT NULL,
    -- Counters before that one of which no uplink came, and still may (package samplestore).
    missing   bytea       NOT NULL,
    -- Uplinks that came, each once, and how far their counter went on.
    uplinks   integer     NOT NULL,
    expected  integer     NOT NULL,
    -- Of so many of them is known how they were received; sums of what was told.
    received  integer     NOT NULL,
    rssi_dbm  bigint      NOT NULL,
    snr_10_db bigint      NOT NULL,
    spreading_factor bigint NOT NULL,
    gateways  bigint      NOT NULL,
    CONSTRAINT node_radio_day_pkey PRIMARY KEY (node_no, day)
);
CREATE INDEX node_radio_day_day ON node_radio_day (day);

-- tell_node_status is write_node_status with more to tell. Yesterday's programs call that one,
-- with rights in which this one does not occur.
CREATE FUNCTION tell_node_status(
    nos integer[], contacts timestamptz[], samples timestamptz[], rssis bigint[], snr_10s bigint[],
    data_rates bigint[], percents bigint[], millivolts bigint[], counters bigint[],
    spreading_factors bigint[], bandwidths bigint[], frequencies bigint[], heard_by bigint[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO node_status AS old (
           node_no, last_contact_at, rssi_dbm, snr_db, data_rate_index, battery_percent, battery_millivolts, f_cnt,
           spreading_factor, bandwidth_khz, frequency_hz, gateways,
           last_sample_at, last_co2_ppm, last_temperature_decicelsius, last_rel_humidity_percent, last_status)
    SELECT u.node_no, u.contact_at, u.rssi_dbm, u.snr_10 / 10.0, u.data_rate_index, u.battery_percent, u.battery_millivolts, u.f_cnt,
           u.spreading_factor, u.bandwidth_khz, u.frequency_hz, u.gateways,
           s.time, s.co2_ppm, s.temperature_decicelsius, s.rel_humidity_percent, s.status
      FROM unnest(nos, contacts, samples, rssis, snr_10s, data_rates, percents, millivolts, counters,
                  spreading_factors, bandwidths, frequencies, heard_by)
        AS u (node_no, contact_at, sample_at, rssi_dbm, snr_10, data_rate_index, battery_percent, battery_millivolts, f_cnt,
              spreading_factor, bandwidth_khz, frequency_hz, gateways)
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
           spreading_factor   = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.spreading_factor, excluded.spreading_factor) ELSE coalesce(excluded.spreading_factor, old.spreading_factor) END,
           bandwidth_khz      = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.bandwidth_khz, excluded.bandwidth_khz) ELSE coalesce(excluded.bandwidth_khz, old.bandwidth_khz) END,
           frequency_hz       = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.frequency_hz, excluded.frequency_hz) ELSE coalesce(excluded.frequency_hz, old.frequency_hz) END,
           gateways           = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.gateways, excluded.gateways) ELSE coalesce(excluded.gateways, old.gateways) END,
           last_sample_at               = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_sample_at ELSE excluded.last_sample_at END,
           last_co2_ppm                 = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_co2_ppm ELSE excluded.last_co2_ppm END,
           last_temperature_decicelsius = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_temperature_decicelsius ELSE excluded.last_temperature_decicelsius END,
           last_rel_humidity_percent    = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_rel_humidity_percent ELSE excluded.last_rel_humidity_percent END,
           last_status                  = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_status ELSE excluded.last_status END
$$;
CREATE OR REPLACE FUNCTION write_node_status(
    nos integer[], contacts timestamptz[], samples timestamptz[], rssis bigint[], snr_10s bigint[],
    data_rates bigint[], percents bigint[], millivolts bigint[], counters bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT tell_node_status(nos, contacts, samples, rssis, snr_10s, data_rates, percents, millivolts, counters, NULL, NULL, NULL, NULL)
$$;
-- The roles keep what they were granted.
REVOKE ALL ON FUNCTION write_node_status FROM PUBLIC;

-- +goose Down
CREATE OR REPLACE FUNCTION write_node_status(
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
DROP FUNCTION tell_node_status;
DROP TABLE node_radio_day;
ALTER TABLE node_status DROP COLUMN spreading_factor, DROP COLUMN bandwidth_khz, DROP COLUMN frequency_hz, DROP COLUMN gateways;
