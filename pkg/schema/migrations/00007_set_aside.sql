-- +goose Up
-- What ingestion sets aside instead of dropping it: samples of unknown nodes, samples
-- that break a rule, and uplinks that no codec could read.

-- parked_sample keeps the samples of nodes that are not registered.
CREATE TABLE parked_sample (
    node_id                 uuid        NOT NULL,
    time                    timestamptz NOT NULL,
    co2_ppm                 smallint    NOT NULL,
    temperature_decicelsius smallint,
    rel_humidity_percent    smallint,
    status                  "char"      NOT NULL DEFAULT 'M',
    -- NULL for senders without a radio.
    dev_eui                 text,
    device_id               text,
    protocol                text,
    received_at             timestamptz,
    parked_at               timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT parked_sample_pkey PRIMARY KEY (node_id, time),
    CONSTRAINT parked_sample_co2_ppm_range CHECK (co2_ppm BETWEEN 0 AND 10000),
    CONSTRAINT parked_sample_temperature_range CHECK (temperature_decicelsius BETWEEN -200 AND 400),
    CONSTRAINT parked_sample_rel_humidity_range CHECK (rel_humidity_percent BETWEEN 0 AND 100),
    CONSTRAINT parked_sample_status CHECK (status IN ('M', 'R', 'E')),
    CONSTRAINT parked_sample_dev_eui_form CHECK (dev_eui ~ '^[0-9A-F]{16}$')
);
CREATE INDEX parked_sample_parked_at ON parked_sample (parked_at);

-- A node that is registered adopts what was parked for it, in the same transaction and
-- whoever registers it. The lock conflicts with the one that an INSERT into
-- parked_sample takes: samples on their way there either commit before and are
-- adopted, or wait and then see the node (the writer checks in the same statement).
-- +goose StatementBegin
CREATE FUNCTION node_adopts_parked_samples() RETURNS trigger
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
CREATE TRIGGER node_adopts_parked_samples AFTER INSERT ON node
    REFERENCING NEW TABLE AS new_node
    FOR EACH STATEMENT EXECUTE FUNCTION node_adopts_parked_samples();

-- rejected_sample keeps, as they came, samples that break a rule. The same uplink comes
-- on several ways, and again with each sweep of the storage integration: a sample is
-- kept once, as often as it comes.
CREATE TABLE rejected_sample (
    id                      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id                 uuid        NOT NULL,
    time_s                  bigint      NOT NULL,
    co2_ppm                 bigint      NOT NULL,
    temperature_decicelsius bigint,
    rel_humidity_percent    bigint,
    dev_eui                 text,
    reason                  text        NOT NULL,
    field                   text        NOT NULL,
    detail                  text        NOT NULL,
    rejected_at             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT rejected_sample_once UNIQUE NULLS NOT DISTINCT
        (node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent, reason, field)
);
CREATE INDEX rejected_sample_rejected_at ON rejected_sample (rejected_at);

-- undecoded_uplink keeps the bytes of uplinks that no codec could read.
CREATE TABLE undecoded_uplink (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- SHA-256 of forwarder, payload and envelope: repeating an uplink adds nothing.
    digest          bytea       NOT NULL,
    forwarder       text        NOT NULL,
    dev_eui         text,
    device_id       text,
    f_port          smallint,
    f_cnt           bigint,
    data_rate_index smallint,
    received_at     timestamptz,
    payload         bytea       NOT NULL,
    envelope        bytea       NOT NULL,
    reason          text        NOT NULL,
    kept_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT undecoded_uplink_digest_unique UNIQUE (digest),
    CONSTRAINT undecoded_uplink_dev_eui_form CHECK (dev_eui ~ '^[0-9A-F]{16}$')
);
CREATE INDEX undecoded_uplink_kept_at ON undecoded_uplink (kept_at);

-- +goose Down
DROP TRIGGER node_adopts_parked_samples ON node;
DROP FUNCTION node_adopts_parked_samples;
DROP TABLE undecoded_uplink, rejected_sample, parked_sample;
