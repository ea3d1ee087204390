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

-- +goose Down
DROP TRIGGER node_deleted ON node;
DROP FUNCTION node_deleted, ensure_sample_partition;
DROP TABLE retired_node, node_epoch, sample;
