-- +goose Up
-- Whose the devices of an application of the network server are: administrators say so.
CREATE TABLE network_application (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Its id at the network server.
    application     text   NOT NULL,
    organization_id bigint NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    CONSTRAINT network_application_unique UNIQUE (application),
    CONSTRAINT network_application_application_length CHECK (length(application) BETWEEN 1 AND 64)
);
CREATE INDEX network_application_organization ON network_application (organization_id);
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON network_application FOR EACH ROW EXECUTE FUNCTION audit_change();

-- The application that the network server said last; NULL: it did not.
ALTER TABLE heard_device ADD COLUMN application text;

-- hear_uplinks notes devices that nobody has registered, with their applications. Once an
-- hour is enough, or when the application is another. (hear_devices, which knows none, is
-- called by yesterday's ingestair.)
CREATE FUNCTION hear_uplinks(euis text[], applications text[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO heard_device AS old (eui64, seen_at, application)
    SELECT DISTINCT ON (u.eui64) u.eui64, now(), u.application
      FROM unnest(euis, applications) WITH ORDINALITY AS u (eui64, application, n)
     WHERE NOT EXISTS (SELECT FROM node WHERE node.eui64 = u.eui64)
     -- By the device: two writers with the same ones must not wait for each other.
     ORDER BY u.eui64, u.application IS NULL, n DESC
        ON CONFLICT (eui64) DO UPDATE
       SET seen_at = excluded.seen_at, application = coalesce(excluded.application, old.application)
     WHERE old.seen_at < excluded.seen_at - interval '1 hour'
        OR old.application IS DISTINCT FROM coalesce(excluded.application, old.application)
$$;

-- +goose Down
DROP FUNCTION hear_uplinks;
ALTER TABLE heard_device DROP COLUMN application;
DROP TABLE network_application;
