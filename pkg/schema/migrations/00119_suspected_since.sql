-- +goose Up
-- Since when the nightly job has suspected a sensor without a break. NULL is in rows of sensors
-- that it does not suspect, and of yesterday's program: then it is the time of the judgement.
ALTER TABLE node_health ADD COLUMN suspected_since timestamptz;

-- +goose Down
ALTER TABLE node_health DROP COLUMN suspected_since;
