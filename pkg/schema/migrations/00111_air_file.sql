-- +goose Up
-- What air files are signed with, and the files. See pkg/airfile.

-- signing_key has the keys of the instance, by their thumbprint (RFC 7638). One is in use; of
-- those that were, the public half stays, so that old files can be checked. The seed is the
-- secret half, which goes when the key does.
CREATE TABLE signing_key (
    id         text        NOT NULL,
    public_key bytea       NOT NULL,
    seed       bytea,
    made_at    timestamptz NOT NULL,
    retired_at timestamptz,
    CONSTRAINT signing_key_pkey PRIMARY KEY (id),
    CONSTRAINT signing_key_size CHECK (octet_length(public_key) = 32 AND octet_length(seed) = 32),
    CONSTRAINT signing_key_seed_goes CHECK ((seed IS NULL) = (retired_at IS NOT NULL))
);
CREATE UNIQUE INDEX signing_key_one_in_use ON signing_key ((retired_at IS NULL)) WHERE retired_at IS NULL;

-- air_file has the files of rooms, which stay as they were signed. With its room a file goes.
CREATE TABLE air_file (
    id           bigint      GENERATED ALWAYS AS IDENTITY,
    room_id      bigint      NOT NULL,
    from_date    date        NOT NULL,
    to_date      date        NOT NULL, -- the last day
    profile      text        NOT NULL,
    version      integer     NOT NULL,
    made_at      timestamptz NOT NULL,
    -- The hash of what makes a version, see airfile.Document.Content.
    content      text        NOT NULL,
    document     bytea       NOT NULL,
    published_at timestamptz,
    CONSTRAINT air_file_pkey PRIMARY KEY (id),
    CONSTRAINT air_file_room_id_fkey FOREIGN KEY (room_id) REFERENCES room (id) ON DELETE CASCADE,
    CONSTRAINT air_file_version_unique UNIQUE (room_id, from_date, to_date, profile, version),
    CONSTRAINT air_file_days CHECK (from_date <= to_date AND to_date - from_date < 400),
    CONSTRAINT air_file_profile_form CHECK (profile ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    CONSTRAINT air_file_version_counts CHECK (version >= 1),
    CONSTRAINT air_file_size CHECK (octet_length(document) <= 4194304)
);
ALTER TABLE air_file ALTER COLUMN document SET COMPRESSION lz4;

-- Who let the public read a file stands in the log of changes.
CREATE TRIGGER audit AFTER UPDATE OF published_at ON air_file FOR EACH ROW EXECUTE FUNCTION audit_change();

-- +goose Down
DROP TABLE air_file, signing_key;
