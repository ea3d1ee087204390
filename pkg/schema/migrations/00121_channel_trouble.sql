-- +goose Up
-- How often in a row the receiver of a channel failed, and since when it does nothing else: it
-- is left alone for longer each time, and for good after days of it. See notify.Trouble.
ALTER TABLE notification_channel
    ADD COLUMN failures      integer     NOT NULL DEFAULT 0,
    ADD COLUMN failing_since timestamptz;

-- +goose Down
ALTER TABLE notification_channel DROP COLUMN failing_since, DROP COLUMN failures;
