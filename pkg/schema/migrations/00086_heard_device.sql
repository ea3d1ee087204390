-- +goose Up
-- Which devices send although they are not registered, or were registered until not long
-- ago: the number of such a device is no proof that it is theirs who register it. What is
-- parked says it only for uplinks that were read, and only of one protocol.
CREATE TABLE heard_device (
    eui64    text PRIMARY KEY,
    -- The last uplink, to the hour, or when its sensor was deleted.
    seen_at  timestamptz NOT NULL,
    -- The organization that had it last, and may have it again. No foreign key: the
    -- organization may be what is being deleted.
    owner_id bigint,
    CONSTRAINT heard_device_eui64_form CHECK (eui64 ~ '^[0-9A-F]{16}$')
);
CREATE INDEX heard_device_seen_at ON heard_device (seen_at);

INSERT INTO heard_device (eui64, seen_at)
SELECT dev_eui, max(at)
  FROM (SELECT dev_eui, parked_at AS at FROM parked_sample
        UNION ALL SELECT dev_eui, rejected_at FROM rejected_sample
        UNION ALL SELECT dev_eui, kept_at FROM undecoded_uplink) told
 WHERE dev_eui ~ '^[0-9A-F]{16}$' AND NOT EXISTS (SELECT FROM node WHERE eui64 = dev_eui)
 GROUP BY dev_eui;

-- hear_devices notes devices that nobody has registered. Once an hour is enough.
CREATE FUNCTION hear_devices(euis text[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO heard_device AS old (eui64, seen_at)
    SELECT DISTINCT u.eui64, now() FROM unnest(euis) AS u (eui64)
     WHERE NOT EXISTS (SELECT FROM node n WHERE n.eui64 = u.eui64)
     ORDER BY 1 -- two writers with the same devices must not wait for each other
        ON CONFLICT (eui64) DO UPDATE SET seen_at = excluded.seen_at WHERE old.seen_at < excluded.seen_at - interval '1 hour'
$$;

-- A sensor that is deleted leaves its device behind. Before, because what it told goes with it.
-- Of one that never sent nothing is kept: else whoever registers and deletes a run of
-- numbers would have them all.
-- +goose StatementBegin
CREATE FUNCTION node_leaves_device() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM node_status WHERE node_no = OLD.no) OR EXISTS (SELECT FROM sample WHERE node_no = OLD.no) THEN
        INSERT INTO heard_device (eui64, seen_at, owner_id) VALUES (OLD.eui64, now(), OLD.owner_id)
            ON CONFLICT (eui64) DO UPDATE SET seen_at = excluded.seen_at, owner_id = excluded.owner_id;
    ELSE
        UPDATE heard_device SET owner_id = OLD.owner_id WHERE eui64 = OLD.eui64;
    END IF;
    RETURN OLD;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER node_leaves_device BEFORE DELETE ON node FOR EACH ROW EXECUTE FUNCTION node_leaves_device();

-- Codes: of a device, whatever its protocol; for one organization, if the administrators wish;
-- and kept until they expire, so that the log and the list tell what became of them.
ALTER TABLE claim_code
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN eui64 text,
    ADD COLUMN organization_id bigint REFERENCES organization (id) ON DELETE CASCADE,
    ADD COLUMN expires_at timestamptz NOT NULL DEFAULT now() + interval '30 days',
    ADD COLUMN used_at timestamptz,
    ADD CONSTRAINT claim_code_id_unique UNIQUE (id),
    ADD CONSTRAINT claim_code_eui64_form CHECK (eui64 ~ '^[0-9A-F]{16}$');
UPDATE claim_code c
   SET expires_at = made_at + interval '30 days',
       eui64 = (SELECT max(dev_eui) FROM parked_sample p WHERE p.node_id = c.node_id);
CREATE INDEX claim_code_eui64 ON claim_code (eui64);
CREATE INDEX claim_code_organization ON claim_code (organization_id);
CREATE INDEX claim_code_expires_at ON claim_code (expires_at);

-- +goose StatementBegin
CREATE FUNCTION audit_claim_code() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    code   claim_code := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - 'digest' END;
    after  jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - 'digest' END;
    actor  bigint := nullif(current_setting('clair.actor', true), '')::bigint;
BEGIN
    INSERT INTO audit_log (actor_id, actor_name, source, subject, subject_id, action, changes)
    VALUES (actor, coalesce((SELECT username FROM user_account WHERE id = actor), ''),
            current_setting('application_name'), 'claim_code', code.id,
            CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'change' ELSE 'delete' END,
            (SELECT coalesce(jsonb_object_agg(key, jsonb_build_array(before -> key, after -> key)), '{}')
               FROM jsonb_object_keys(coalesce(after, before)) AS key
              WHERE before -> key IS DISTINCT FROM after -> key));
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_write AFTER INSERT OR UPDATE ON claim_code FOR EACH ROW EXECUTE FUNCTION audit_claim_code();
-- Withdrawn; that others expire is no deed of anybody.
CREATE TRIGGER audit_delete AFTER DELETE ON claim_code FOR EACH ROW
    WHEN (OLD.used_at IS NULL AND OLD.expires_at > now()) EXECUTE FUNCTION audit_claim_code();

-- +goose Down
DROP TRIGGER audit_delete ON claim_code;
DROP TRIGGER audit_write ON claim_code;
DROP FUNCTION audit_claim_code;
DELETE FROM claim_code WHERE used_at IS NOT NULL;
ALTER TABLE claim_code DROP COLUMN id, DROP COLUMN eui64, DROP COLUMN organization_id, DROP COLUMN expires_at, DROP COLUMN used_at;
DROP TRIGGER node_leaves_device ON node;
DROP FUNCTION node_leaves_device, hear_devices;
DROP TABLE heard_device;
