-- +goose Up
-- What accounts have exported in the background (managair's package export). The files are in parts beside the pictures,
-- each named by export and attempt; a row says which attempt counts, and what it has.
CREATE TABLE data_export (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint      NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    -- What the file is called, without its suffix.
    name         text        NOT NULL,
    -- What is wanted: selection, resolution, kind of file.
    wanted       jsonb       NOT NULL,
    -- The organizations whose members may see what is in it: who is no member any more, reads it no more.
    member_of    bigint[]    NOT NULL DEFAULT '{}',
    state        text        NOT NULL DEFAULT 'waiting',
    why          text        NOT NULL DEFAULT '',
    made_at      timestamptz NOT NULL,
    -- When it is to be begun (again).
    due_at       timestamptz NOT NULL,
    begun_at     timestamptz,
    ended_at     timestamptz,
    expires_at   timestamptz,
    -- How often it was begun. Parts of earlier attempts are waste.
    attempt      integer     NOT NULL DEFAULT 0,
    -- How many of them ended badly, with their worker or without it; one that was told to stop ended well.
    failures     integer     NOT NULL DEFAULT 0,
    -- Who makes it, and until when nobody else does.
    taken_by     bigint      NOT NULL DEFAULT 0,
    taken_until  timestamptz,
    samples      bigint      NOT NULL DEFAULT 0,
    samples_done bigint      NOT NULL DEFAULT 0,
    -- In bytes, so far.
    size         bigint      NOT NULL DEFAULT 0,
    -- Of the key in the link that was mailed.
    key_digest   bytea,
    CONSTRAINT data_export_name_length CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT data_export_wanted_size CHECK (octet_length(wanted::text) <= 65536),
    CONSTRAINT data_export_state CHECK (state IN ('waiting', 'working', 'done', 'failed')),
    CONSTRAINT data_export_key_digest_length CHECK (length(key_digest) = 32)
);
CREATE INDEX data_export_user ON data_export (user_id);
CREATE INDEX data_export_due ON data_export (due_at, id) WHERE state IN ('waiting', 'working');
CREATE INDEX data_export_expires ON data_export (expires_at) WHERE expires_at IS NOT NULL;

-- +goose Down
DROP TABLE data_export;
