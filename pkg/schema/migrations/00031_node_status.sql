-- +goose Up
-- The newest sample's values beside its time, so that lists of nodes need no look
-- into the samples. Like all of node_status they lag by a few seconds.
ALTER TABLE node_status
    ADD COLUMN last_co2_ppm                 smallint,
    ADD COLUMN last_temperature_decicelsius smallint,
    ADD COLUMN last_rel_humidity_percent    smallint,
    ADD COLUMN last_status                  "char";

-- node_status_journal takes what the uplinks of one transaction tell of their
-- nodes, packed into one row and committed together with their samples. Every few
-- seconds it is emptied into node_status. Writing node_status itself for each
-- uplink would cost a third of the ingestion rate; keeping it in memory only would
-- forget it in a crash. The format belongs to the ingestair.
CREATE TABLE node_status_journal (
    entries bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- Packed already; compressing costs more than it saves.
ALTER TABLE node_status_journal ALTER COLUMN entries SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE node_status_journal;
ALTER TABLE node_status
    DROP COLUMN last_co2_ppm,
    DROP COLUMN last_temperature_decicelsius,
    DROP COLUMN last_rel_humidity_percent,
    DROP COLUMN last_status;
