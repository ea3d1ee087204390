-- +goose Up
-- What the nightly job knows of the health of sensors, see managair's package sensorhealth.

-- node_night is what a sensor told in a night, by the clocks of its site. Half a year is kept.
CREATE TABLE node_night (
    node_no    integer NOT NULL REFERENCES node (no) ON DELETE CASCADE,
    -- The local day that the night leads into.
    day        date    NOT NULL,
    -- The mean of the two lowest hours of the night, and the lowest of the whole day.
    rest_ppm   real    NOT NULL,
    lowest_ppm real    NOT NULL,
    CONSTRAINT node_night_pkey PRIMARY KEY (node_no, day)
);

-- node_charge is what a node told last of its battery, once a day. A year is kept.
CREATE TABLE node_charge (
    node_no integer  NOT NULL REFERENCES node (no) ON DELETE CASCADE,
    day     date     NOT NULL,
    percent smallint NOT NULL,
    CONSTRAINT node_charge_pkey PRIMARY KEY (node_no, day)
);

-- node_health is what the job found. Figures are NULL where nothing is said.
CREATE TABLE node_health (
    node_no               integer PRIMARY KEY REFERENCES node (no) ON DELETE CASCADE,
    judged_at             timestamptz NOT NULL,
    -- Why nothing is said of it against its network, '' where something is.
    silence               text        NOT NULL,
    weeks                 integer     NOT NULL,
    others                integer     NOT NULL,
    suspected             boolean     NOT NULL,
    impossible_nights     integer     NOT NULL,
    -- Each with the half of its 95 % interval, and the probability that it is beyond tolerance.
    offset_ppm            real,
    offset_plus_minus_ppm real,
    offset_beyond         real,
    -- In 30 days.
    drift_ppm             real,
    drift_plus_minus_ppm  real,
    drift_beyond          real,
    step_day              date,
    step_ppm              real,
    step_plus_minus_ppm   real,
    -- Why there is no forecast, '' where there is one.
    battery_silence       text        NOT NULL,
    battery_days          integer     NOT NULL,
    battery_empty_day     date,
    battery_earliest_day  date,
    battery_latest_day    date
);

-- calibration is the log that operators keep of their sensors.
CREATE TABLE calibration (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id      uuid        NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    performed_at timestamptz NOT NULL,
    method       text        NOT NULL,
    -- What the sensor told above the truth before, as far as that is known.
    offset_ppm   integer,
    description  text,
    CONSTRAINT calibration_method CHECK (method IN ('outdoor', 'gas', 'comparison', 'maker', 'other')),
    CONSTRAINT calibration_offset_ppm_range CHECK (offset_ppm BETWEEN -10000 AND 10000)
);
CREATE INDEX calibration_node ON calibration (node_id, performed_at);
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON calibration FOR EACH ROW EXECUTE FUNCTION audit_change();

-- What is known of a sensor's health tells of the rooms of those who had it, and the log is
-- theirs: with another organization a sensor begins anew. NULL: it was always this one's. The
-- function runs as the owner: yesterday's programs know nothing of these tables.
ALTER TABLE node ADD COLUMN owned_since timestamptz;
-- +goose StatementBegin
CREATE FUNCTION node_begins_anew() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.owned_since := now();
    DELETE FROM node_health WHERE node_no = NEW.no;
    DELETE FROM calibration WHERE node_id = NEW.id;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION node_begins_anew FROM PUBLIC;
CREATE TRIGGER node_begins_anew BEFORE UPDATE OF owner_id ON node
    FOR EACH ROW WHEN (OLD.owner_id <> NEW.owner_id) EXECUTE FUNCTION node_begins_anew();

-- +goose Down
DROP TRIGGER node_begins_anew ON node;
DROP FUNCTION node_begins_anew;
ALTER TABLE node DROP COLUMN owned_since;
DROP TABLE calibration, node_health, node_charge, node_night;
