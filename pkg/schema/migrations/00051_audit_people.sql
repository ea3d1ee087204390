-- +goose Up
-- Log-ins, wrong passwords and tokens are in the log, too.
ALTER TABLE audit_log DROP CONSTRAINT audit_log_action;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_action
    CHECK (action IN ('create', 'change', 'delete', 'log_in', 'wrong_password'));

-- +goose StatementBegin
CREATE FUNCTION audit_token() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    token api_token := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    actor bigint := nullif(current_setting('clair.actor', true), '')::bigint;
    facts jsonb := jsonb_build_object('user_id', token.user_id, 'name', token.name, 'scope', token.scope, 'expires_at', token.expires_at);
BEGIN
    INSERT INTO audit_log (actor_id, actor_name, source, subject, subject_id, action, changes)
    VALUES (actor, coalesce((SELECT username FROM user_account WHERE id = actor), ''),
            current_setting('application_name'), 'api_token', token.id,
            CASE TG_OP WHEN 'DELETE' THEN 'delete' ELSE 'create' END,
            (SELECT jsonb_object_agg(key, CASE TG_OP WHEN 'DELETE' THEN jsonb_build_array(value, NULL) ELSE jsonb_build_array(NULL, value) END)
               FROM jsonb_each(facts)));
    RETURN NULL;
END
$$;
-- +goose StatementEnd
-- Tokens of log-ins come and go with these, which have rows of their own.
CREATE TRIGGER audit_create AFTER INSERT ON api_token FOR EACH ROW WHEN (NEW.name <> '') EXECUTE FUNCTION audit_token();
CREATE TRIGGER audit_delete AFTER DELETE ON api_token FOR EACH ROW WHEN (OLD.name <> '') EXECUTE FUNCTION audit_token();

-- Who has deleted their account is a number in the log, and no name or address.
-- +goose StatementBegin
CREATE FUNCTION blank_audit(person bigint) RETURNS void
LANGUAGE sql AS $$
    UPDATE audit_log SET actor_name = '' WHERE actor_id = person AND actor_name <> '';
    UPDATE audit_log l
       SET changes = (SELECT jsonb_object_agg(key, CASE
                WHEN key IN ('username', 'email', 'first_name', 'last_name', 'address') THEN '["***", "***"]' ELSE value END)
             FROM jsonb_each(l.changes))
     WHERE l.changes ?| ARRAY['username', 'email', 'first_name', 'last_name', 'address']
       AND (l.subject = 'user_account' AND l.subject_id = person::text
            OR l.subject = 'email_address' AND l.subject_id IN (
                SELECT own.subject_id FROM audit_log own
                 WHERE own.subject = 'email_address'
                   AND (own.changes -> 'user_id' ->> 0 = person::text OR own.changes -> 'user_id' ->> 1 = person::text)))
$$;

CREATE FUNCTION audit_forget() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM blank_audit(OLD.id);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
-- At the end of the transaction, when the deletions that follow from it are noted, too.
CREATE CONSTRAINT TRIGGER audit_forget AFTER DELETE ON user_account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_forget();

SELECT blank_audit(person)
  FROM (SELECT DISTINCT subject_id::bigint AS person FROM audit_log WHERE subject = 'user_account' AND action = 'delete') gone
 WHERE NOT EXISTS (SELECT FROM user_account WHERE id = person);

-- +goose Down
DROP TRIGGER audit_forget ON user_account;
DROP FUNCTION audit_forget;
DROP FUNCTION blank_audit;
DROP TRIGGER audit_create ON api_token;
DROP TRIGGER audit_delete ON api_token;
DROP FUNCTION audit_token;
DELETE FROM audit_log WHERE action NOT IN ('create', 'change', 'delete');
ALTER TABLE audit_log DROP CONSTRAINT audit_log_action;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_action CHECK (action IN ('create', 'change', 'delete'));
