-- +goose Up
-- When the receiver of a channel failed last, what it said, and since when it works again; NULL: it never failed, or
-- fails still. See notify.Channel.
ALTER TABLE notification_channel
    ADD COLUMN failed_at   timestamptz,
    ADD COLUMN failed_why  text NOT NULL DEFAULT '',
    ADD COLUMN works_since timestamptz,
    ADD CONSTRAINT notification_channel_works_after_failure CHECK (works_since IS NULL OR failed_at IS NOT NULL);

-- +goose Down
ALTER TABLE notification_channel DROP COLUMN works_since, DROP COLUMN failed_why, DROP COLUMN failed_at;
