-- +goose Up
-- Whoever has logged out, or whose token was revoked, hears no live values on: managair
-- is told when log-ins go.
-- +goose StatementBegin
CREATE FUNCTION notify_login_ended() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM gone) THEN
        PERFORM pg_notify('login_ended', '');
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER notify_login_ended AFTER DELETE ON account_session
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION notify_login_ended();
CREATE TRIGGER notify_login_ended AFTER DELETE ON api_token
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION notify_login_ended();

-- +goose Down
DROP TRIGGER notify_login_ended ON api_token;
DROP TRIGGER notify_login_ended ON account_session;
DROP FUNCTION notify_login_ended;
