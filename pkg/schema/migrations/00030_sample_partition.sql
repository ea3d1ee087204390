-- +goose Up
-- Two sessions that need the same new partition at the same time: the second one
-- waited for the first and then failed, because to_regclass answers from a cache
-- that waiting for an advisory lock does not refresh. A query of pg_class does not.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION ensure_sample_partition(t timestamptz) RETURNS void
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

-- +goose Down
-- The older body is wrong; there is nothing to go back to.
SELECT 1;
