-- +goose Up
-- Whoever takes a service over does not take the log of changes back, nor make it up: its role
-- adds log-ins, as of now, and lets go what is older than a week. Changes are added by triggers,
-- which run as the owner. (Owner and superusers are not bound by policies.)
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY audit_log_read ON audit_log FOR SELECT USING (true);
CREATE POLICY audit_log_add ON audit_log FOR INSERT
    WITH CHECK (at = now() AND subject = 'user_account' AND action IN ('log_in', 'wrong_password'));
CREATE POLICY audit_log_expire ON audit_log FOR DELETE USING (at < now() - interval '7 days');

ALTER FUNCTION audit_change SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION audit_token SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION audit_claim_code SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION audit_ingestion_token SECURITY DEFINER SET search_path = public, pg_temp;

-- Names and addresses of somebody whose account is gone go out of the log, by nobody's hand.
-- What it calls runs as the caller, and so as the owner here.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM user_account WHERE id = OLD.id) THEN
        PERFORM blank_audit(OLD.id);
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION audit_change, audit_token, audit_claim_code, audit_ingestion_token, audit_forget FROM PUBLIC;

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_forget() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM blank_audit(OLD.id);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
ALTER FUNCTION audit_change SECURITY INVOKER RESET ALL;
ALTER FUNCTION audit_token SECURITY INVOKER RESET ALL;
ALTER FUNCTION audit_claim_code SECURITY INVOKER RESET ALL;
ALTER FUNCTION audit_ingestion_token SECURITY INVOKER RESET ALL;
DROP POLICY audit_log_expire ON audit_log;
DROP POLICY audit_log_add ON audit_log;
DROP POLICY audit_log_read ON audit_log;
ALTER TABLE audit_log DISABLE ROW LEVEL SECURITY;
