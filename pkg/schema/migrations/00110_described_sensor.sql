-- +goose Up
-- Kinds of sensors that migrate has described once, or found described, by their protocol:
-- what somebody deletes afterwards does not come back with the next update.
CREATE TABLE described_sensor (
    protocol text PRIMARY KEY
);

-- +goose Down
DROP TABLE described_sensor;
