-- +goose Up
-- An administrator may know better than the check of all nodes: what a sensor told was so.
-- The row stays, so that the same value is not found again while it lasts.
ALTER TABLE stuck_sensor
    ADD COLUMN id            bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN taken_back_at timestamptz,
    ADD CONSTRAINT stuck_sensor_id_unique UNIQUE (id);
-- That the check finds and ends some is no deed of anybody.
CREATE TRIGGER audit AFTER UPDATE OF taken_back_at ON stuck_sensor FOR EACH ROW EXECUTE FUNCTION audit_change();

-- +goose Down
-- For yesterday's program a row is a mark.
DELETE FROM stuck_sensor WHERE taken_back_at IS NOT NULL;
DROP TRIGGER audit ON stuck_sensor;
ALTER TABLE stuck_sensor DROP COLUMN id, DROP COLUMN taken_back_at;
