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

-- air_file has the files of rooms, which stay as they were signed. With its room a file goes. Of
-- one that an owner deletes, the number stays: there is no second version of that number.
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
    document     bytea,
    published_at timestamptz,
    deleted_at   timestamptz,
    CONSTRAINT air_file_pkey PRIMARY KEY (id),
    CONSTRAINT air_file_room_id_fkey FOREIGN KEY (room_id) REFERENCES room (id) ON DELETE CASCADE,
    CONSTRAINT air_file_version_unique UNIQUE (room_id, from_date, to_date, profile, version),
    CONSTRAINT air_file_days CHECK (from_date <= to_date AND to_date - from_date < 400),
    CONSTRAINT air_file_profile_form CHECK (profile ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    CONSTRAINT air_file_version_counts CHECK (version >= 1),
    CONSTRAINT air_file_deleted_is_empty CHECK ((document IS NULL) = (deleted_at IS NOT NULL)),
    CONSTRAINT air_file_deleted_is_private CHECK (deleted_at IS NULL OR published_at IS NULL),
    CONSTRAINT air_file_size CHECK (octet_length(document) <= 4194304)
);
ALTER TABLE air_file ALTER COLUMN document SET COMPRESSION lz4;

-- Who made, published and deleted a file stands in the log of changes, and when the key was
-- another one; neither documents nor secrets do.
-- +goose StatementBegin
CREATE FUNCTION audit_air_file() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    actor   bigint := nullif(current_setting('clair.actor', true), '')::bigint;
    changed jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        changed := jsonb_build_object('room_id', jsonb_build_array(NULL, NEW.room_id), 'version', jsonb_build_array(NULL, NEW.version));
    ELSIF TG_OP = 'DELETE' THEN
        changed := jsonb_build_object('room_id', jsonb_build_array(OLD.room_id, NULL), 'version', jsonb_build_array(OLD.version, NULL));
    ELSE
        changed := jsonb_build_object('published_at', jsonb_build_array(OLD.published_at, NEW.published_at), 'deleted_at', jsonb_build_array(OLD.deleted_at, NEW.deleted_at));
    END IF;
    INSERT INTO audit_log (actor_id, actor_name, source, subject, subject_id, action, changes)
    VALUES (actor, coalesce((SELECT username FROM user_account WHERE id = actor), ''),
            current_setting('application_name'), TG_TABLE_NAME, CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END,
            CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'change' ELSE 'delete' END, changed);
    RETURN NULL;
END
$$;
CREATE FUNCTION audit_signing_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    actor bigint := nullif(current_setting('clair.actor', true), '')::bigint;
BEGIN
    INSERT INTO audit_log (actor_id, actor_name, source, subject, subject_id, action, changes)
    VALUES (actor, coalesce((SELECT username FROM user_account WHERE id = actor), ''),
            current_setting('application_name'), TG_TABLE_NAME, NEW.id, CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'change' END,
            jsonb_build_object('retired_at', jsonb_build_array(NULL, NEW.retired_at)));
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION audit_air_file, audit_signing_key FROM PUBLIC;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OF published_at, deleted_at OR DELETE ON air_file FOR EACH ROW EXECUTE FUNCTION audit_air_file();
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON signing_key FOR EACH ROW EXECUTE FUNCTION audit_signing_key();

-- +goose Down
DROP TABLE air_file, signing_key;
DROP FUNCTION audit_air_file, audit_signing_key;
