-- +goose Up
-- A device that sends already is registered with a code that administrators give to
-- whom it belongs: its number is no secret.
CREATE TABLE claim_code (
    node_id  uuid  PRIMARY KEY,
    -- SHA-256 of the code.
    digest   bytea NOT NULL,
    maker_id bigint REFERENCES user_account (id) ON DELETE SET NULL,
    made_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT claim_code_digest_length CHECK (length(digest) = 32)
);
CREATE INDEX claim_code_maker ON claim_code (maker_id);

-- +goose Down
DROP TABLE claim_code;
