-- +goose Up
-- The one text with a length of its own that had no bound here. Rows that break it
-- already stay; `managair check` lists them.
ALTER TABLE site ADD CONSTRAINT site_time_zone_length CHECK (length(time_zone) BETWEEN 1 AND 64) NOT VALID;

-- +goose Down
ALTER TABLE site DROP CONSTRAINT site_time_zone_length;
