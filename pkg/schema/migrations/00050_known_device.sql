-- +goose Up
-- A key that a log-in through the API gave ends with the session of that log-in when
-- the person logs out. It outlives the session's end by time, as clients expect.
ALTER TABLE api_token ADD COLUMN session_id bigint REFERENCES account_session (id) ON DELETE SET NULL;
CREATE INDEX api_token_session ON api_token (session_id);

-- Browsers in which somebody has logged in before. Their wrong passwords are counted
-- by themselves, so that strangers who guess cannot keep the owner out.
CREATE TABLE known_device (
    digest     bytea PRIMARY KEY,
    user_id    bigint      NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    CONSTRAINT known_device_digest_length CHECK (length(digest) = 32)
);
CREATE INDEX known_device_user ON known_device (user_id);

-- +goose Down
DROP TABLE known_device;
ALTER TABLE api_token DROP COLUMN session_id;
