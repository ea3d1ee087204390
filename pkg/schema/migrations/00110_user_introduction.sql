-- +goose Up
-- Whom somebody has found by his e-mail address. Ids of accounts are small numbers:
-- were the id enough to make its holder a member, an OWNER could try them all, and
-- read the addresses of everybody in his list of members.
CREATE TABLE user_introduction (
    finder_id  bigint      NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    user_id    bigint      NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    CONSTRAINT user_introduction_pkey PRIMARY KEY (finder_id, user_id)
);
-- For deleting accounts and what has expired.
CREATE INDEX user_introduction_user ON user_introduction (user_id);
CREATE INDEX user_introduction_expires_at ON user_introduction (expires_at);

-- +goose Down
DROP TABLE user_introduction;
