-- +goose Up
-- Sessions with their user, so that people see and end them, and so that a new
-- password ends the others. Everything random is kept as its SHA-256.
CREATE TABLE account_session (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint      NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    digest       bytea       NOT NULL,
    -- What writes of this session repeat in a header or a form field. Readable by
    -- the page's scripts, so it is no secret of the kind the digest protects.
    csrf         text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    address      text        NOT NULL DEFAULT '',
    user_agent   text        NOT NULL DEFAULT '',
    CONSTRAINT account_session_digest_unique UNIQUE (digest),
    CONSTRAINT account_session_digest_length CHECK (length(digest) = 32)
);
CREATE INDEX account_session_user ON account_session (user_id);
CREATE INDEX account_session_expires_at ON account_session (expires_at);

-- Keys that are sent by mail and used once.
CREATE TABLE account_key (
    digest     bytea PRIMARY KEY,
    purpose    text        NOT NULL,
    user_id    bigint      NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    email_id   bigint REFERENCES email_address (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    CONSTRAINT account_key_purpose CHECK (purpose IN ('confirm_email', 'reset_password')),
    CONSTRAINT account_key_email CHECK ((purpose = 'confirm_email') = (email_id IS NOT NULL))
);
CREATE INDEX account_key_user ON account_key (user_id);

-- Counts of attempts to log in and the like, shared by all replicas. Losing them in
-- a crash of the server is harmless, so they are not logged.
CREATE UNLOGGED TABLE account_attempt (
    key        text PRIMARY KEY,
    count      integer     NOT NULL,
    expires_at timestamptz NOT NULL
);

-- The session library that this table was for is not used: its store does not know
-- whose a session is.
DROP TABLE sessions;

-- +goose Down
CREATE TABLE sessions (
    token  text PRIMARY KEY,
    data   bytea       NOT NULL,
    expiry timestamptz NOT NULL
);
CREATE INDEX sessions_expiry_idx ON sessions (expiry);
DROP TABLE account_attempt, account_key, account_session;
