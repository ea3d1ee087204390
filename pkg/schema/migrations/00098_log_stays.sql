-- +goose Up
-- Whoever takes a service over does not take the log of changes back: its role adds to it, as of
-- now, and lets go what is older than a week. (Owner and superusers are not bound by policies.)
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY audit_log_read ON audit_log FOR SELECT USING (true);
CREATE POLICY audit_log_add ON audit_log FOR INSERT WITH CHECK (at = now());
CREATE POLICY audit_log_expire ON audit_log FOR DELETE USING (at < now() - interval '7 days');

-- blank_audit takes names and addresses of somebody whose account is gone out of the log. It
-- runs as the owner, because nobody else changes what stands there.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION blank_audit(person bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE audit_log SET actor_name = ''
     WHERE actor_id = person AND actor_name <> '' AND NOT EXISTS (SELECT FROM user_account WHERE id = person);
    UPDATE audit_log l
       SET changes = (SELECT jsonb_object_agg(key, CASE
                WHEN key IN ('username', 'email', 'first_name', 'last_name', 'address') THEN '["***", "***"]' ELSE value END)
             FROM jsonb_each(l.changes))
     WHERE l.changes ?| ARRAY['username', 'email', 'first_name', 'last_name', 'address']
       AND NOT EXISTS (SELECT FROM user_account WHERE id = person)
       AND (l.subject = 'user_account' AND l.subject_id = person::text
            OR l.subject = 'email_address' AND l.subject_id IN (
                SELECT own.subject_id FROM audit_log own
                 WHERE own.subject = 'email_address'
                   AND (own.changes -> 'user_id' ->> 0 = person::text OR own.changes -> 'user_id' ->> 1 = person::text)))
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION blank_audit FROM PUBLIC;

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION blank_audit(person bigint) RETURNS void
LANGUAGE sql SECURITY INVOKER AS $$
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
-- +goose StatementEnd
GRANT EXECUTE ON FUNCTION blank_audit TO PUBLIC;
DROP POLICY audit_log_expire ON audit_log;
DROP POLICY audit_log_add ON audit_log;
DROP POLICY audit_log_read ON audit_log;
ALTER TABLE audit_log DISABLE ROW LEVEL SECURITY;
