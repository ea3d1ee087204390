-- +goose Up
-- The first day of a room that is decided. Days before it that have samples are decided by
-- the worker, too, from the newest to the oldest. NULL is in rows of yesterday's program: then
-- it is the first of occupied_day.
ALTER TABLE occupancy_progress ADD COLUMN decided_from date;

-- +goose Down
ALTER TABLE occupancy_progress DROP COLUMN decided_from;
