-- +goose Up
-- Samples and what is known of the nodes that send them. The reasons for this
-- shape are in docs/decisions/0002-sample-table.md.

-- Columns are ordered by alignment: 19 bytes of data without a hole.
CREATE TABLE sample (
    node_no                 integer     NOT NULL,
    co2_ppm                 smallint    NOT NULL,
    temperature_decicelsius smallint,
    time                    timestamptz NOT NULL,
    rel_humidity_percent    smallint,
    status                  "char"      NOT NULL DEFAULT 'M',
    CONSTRAINT sample_pkey PRIMARY KEY (node_no, time)
        INCLUDE (co2_ppm, temperature_decicelsius, rel_humidity_percent, status),
    CONSTRAINT sample_co2_ppm_range CHECK (co2_ppm BETWEEN 0 AND 10000),
    CONSTRAINT sample_temperature_range CHECK (temperature_decicelsius BETWEEN -200 AND 400),
    CONSTRAINT sample_rel_humidity_range CHECK (rel_humidity_percent BETWEEN 0 AND 100),
    CONSTRAINT sample_status CHECK (status IN ('M', 'R', 'E'))
) PARTITION BY RANGE (time);

-- ensure_sample_partition makes the partition of the (UTC) month that t falls into,
-- and does nothing when it is there. Whoever inserts calls it first for months it
-- has not seen. Building the table aside and attaching it takes a weaker lock on
-- sample than CREATE TABLE .. PARTITION OF, so readers and writers go on.
-- +goose StatementBegin
CREATE FUNCTION ensure_sample_partition(t timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    month_start timestamp := date_trunc('month', t AT TIME ZONE 'UTC');
    name        text      := 'sample_y' || to_char(month_start, 'YYYY"m"MM');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ensure_sample_partition'));
    IF to_regclass(name) IS NOT NULL THEN
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

-- node_epoch has one row. Its number goes up when a node is deleted, so a writer
-- that keeps node numbers in memory sees in the same statement that its map is old.
CREATE TABLE node_epoch (
    only_row boolean PRIMARY KEY DEFAULT true,
    epoch    bigint NOT NULL DEFAULT 1,
    CONSTRAINT node_epoch_one_row CHECK (only_row)
);
INSERT INTO node_epoch DEFAULT VALUES;

-- retired_node remembers the numbers of deleted nodes until their samples are purged.
-- Deleting millions of rows inside the request that deletes a node would hold it up.
CREATE TABLE retired_node (
    no         integer PRIMARY KEY,
    retired_at timestamptz NOT NULL DEFAULT now()
);

-- +goose StatementBegin
CREATE FUNCTION node_deleted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO retired_node (no) SELECT no FROM old_node;
    UPDATE node_epoch SET epoch = epoch + 1 WHERE EXISTS (SELECT FROM old_node);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER node_deleted AFTER DELETE ON node
    REFERENCING OLD TABLE AS old_node
    FOR EACH STATEMENT EXECUTE FUNCTION node_deleted();

-- node_status is what a node last told, written by ingestair every few seconds.
CREATE TABLE node_status (
    node_no            integer PRIMARY KEY REFERENCES node (no) ON DELETE CASCADE,
    -- When we last heard of the node, by the network server's clock.
    last_contact_at    timestamptz,
    -- Time of its newest sample.
    last_sample_at     timestamptz,
    rssi_dbm           smallint,
    snr_db             real,
    data_rate_index    smallint,
    battery_percent    smallint,
    battery_millivolts integer,
    f_cnt              bigint,
    CONSTRAINT node_status_data_rate_index_range CHECK (data_rate_index BETWEEN 0 AND 15),
    CONSTRAINT node_status_battery_percent_range CHECK (battery_percent BETWEEN 0 AND 100)
);

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
    INSERT INTO node_status (node_no, last_contact_at, last_sample_at)
    SELECT n.no, max(coalesce(p.received_at, p.time)), max(p.time)
      FROM parked_sample p JOIN new_node n ON p.node_id = n.id
     GROUP BY n.no;
    DELETE FROM parked_sample p USING new_node n WHERE p.node_id = n.id;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER node_adopts_parked_samples AFTER INSERT ON node
    REFERENCING NEW TABLE AS new_node
    FOR EACH STATEMENT EXECUTE FUNCTION node_adopts_parked_samples();

-- rejected_sample keeps, as they came, samples that break a rule.
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
    rejected_at             timestamptz NOT NULL DEFAULT now()
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
DROP TRIGGER node_deleted ON node;
DROP FUNCTION node_adopts_parked_samples, node_deleted, ensure_sample_partition;
DROP TABLE undecoded_uplink, rejected_sample, parked_sample, node_status, retired_node, node_epoch, sample;
