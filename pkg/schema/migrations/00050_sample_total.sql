-- +goose Up
-- How many samples of a node are rolled up: the sum of its days, always. Lists show
-- the number of samples of each of a hundred nodes, and adding up years of days for
-- that costs a hundred times what one row does.
CREATE TABLE sample_total (
    node_no integer PRIMARY KEY,
    n       bigint NOT NULL
);
INSERT INTO sample_total (node_no, n) SELECT node_no, sum(n) FROM sample_day GROUP BY node_no;

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

-- A year of hours is read from the key alone: its rows came hour by hour, so each is
-- on a page of its own.
ALTER TABLE sample_hour
    DROP CONSTRAINT sample_hour_pkey,
    ADD CONSTRAINT sample_hour_pkey PRIMARY KEY (node_no, hour)
        INCLUDE (n, co2_sum, co2_min, co2_max, temperature_n, temperature_sum, temperature_min, temperature_max,
                 rel_humidity_n, rel_humidity_sum, rel_humidity_min, rel_humidity_max),
    SET (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000);

-- +goose Down
ALTER TABLE sample_hour
    DROP CONSTRAINT sample_hour_pkey,
    ADD CONSTRAINT sample_hour_pkey PRIMARY KEY (node_no, hour),
    RESET (autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_insert_threshold);
DROP TRIGGER sample_day_deleted ON sample_day;
DROP TRIGGER sample_day_updated ON sample_day;
DROP TRIGGER sample_day_inserted ON sample_day;
DROP FUNCTION sample_day_changed, add_to_sample_total;
DROP TABLE sample_total;
