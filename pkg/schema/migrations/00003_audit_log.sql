-- +goose Up
-- Who changed what and when, whichever way the change came: triggers write it, in
-- the transaction of the change. The stores say who it was with
-- set_config('clair.actor', <user id>, true); a command is known by its
-- application_name. There is no foreign key on the actor: the log outlives accounts.
CREATE TABLE audit_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor_id   bigint,
    actor_name text        NOT NULL,
    source     text        NOT NULL,
    subject    text        NOT NULL,
    subject_id text        NOT NULL,
    action     text        NOT NULL,
    -- Column: [before, after]. For what was made only after, for what was deleted only before.
    changes    jsonb       NOT NULL,
    CONSTRAINT audit_log_action CHECK (action IN ('create', 'change', 'delete'))
);
CREATE INDEX audit_log_subject ON audit_log (subject, subject_id, id);
CREATE INDEX audit_log_actor ON audit_log (actor_id, id);
CREATE INDEX audit_log_at ON audit_log (at);

-- +goose StatementBegin
CREATE FUNCTION audit_change() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    before  jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after   jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    actor   bigint := nullif(current_setting('clair.actor', true), '')::bigint;
    changed jsonb;
BEGIN
    -- Seen at each log-in, and no change that anybody asks for.
    IF TG_OP = 'UPDATE' AND before - 'last_login_at' = after - 'last_login_at' THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(jsonb_object_agg(key, jsonb_build_array(before -> key,
               CASE WHEN after ? key THEN after -> key END)), '{}')
      INTO changed
      FROM jsonb_object_keys(coalesce(after, before)) AS key
     WHERE before -> key IS DISTINCT FROM after -> key AND key <> 'password_hash';
    IF before -> 'password_hash' IS DISTINCT FROM after -> 'password_hash' AND TG_OP = 'UPDATE' THEN
        changed := changed || '{"password_hash": ["***", "***"]}';
    END IF;
    INSERT INTO audit_log (actor_id, actor_name, source, subject, subject_id, action, changes)
    VALUES (actor, coalesce((SELECT username FROM user_account WHERE id = actor), ''),
            current_setting('application_name'), TG_TABLE_NAME,
            coalesce(after, before) ->> 'id',
            CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'change' ELSE 'delete' END, changed);
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON user_account FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON email_address FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON organization FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON membership FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON address FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON site FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON room FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON quantity FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON node_protocol FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON node_model FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON node FOR EACH ROW EXECUTE FUNCTION audit_change();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON installation FOR EACH ROW EXECUTE FUNCTION audit_change();

-- What staff who are no superusers may see and change in the admin pages: one row
-- for each subject (the name of a table).
CREATE TABLE staff_right (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    subject text   NOT NULL,
    CONSTRAINT staff_right_unique UNIQUE (user_id, subject),
    CONSTRAINT staff_right_subject CHECK (subject IN (
        'organization', 'membership', 'address', 'site', 'room', 'quantity', 'node_protocol', 'node_model', 'node',
        'installation', 'parked_sample', 'rejected_sample', 'undecoded_uplink', 'audit_log'))
);
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON staff_right FOR EACH ROW EXECUTE FUNCTION audit_change();

-- +goose Down
DROP TABLE staff_right;
DROP TRIGGER audit ON user_account;
DROP TRIGGER audit ON email_address;
DROP TRIGGER audit ON organization;
DROP TRIGGER audit ON membership;
DROP TRIGGER audit ON address;
DROP TRIGGER audit ON site;
DROP TRIGGER audit ON room;
DROP TRIGGER audit ON quantity;
DROP TRIGGER audit ON node_protocol;
DROP TRIGGER audit ON node_model;
DROP TRIGGER audit ON node;
DROP TRIGGER audit ON installation;
DROP FUNCTION audit_change;
DROP TABLE audit_log;
