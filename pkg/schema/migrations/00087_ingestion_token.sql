-- +goose Up
-- By these the scripts and Wi-Fi sensors of an organization send samples of its nodes, or of
-- one of them, and of nobody else's. The stack's own token (INGEST_TOKEN) is none of these.
CREATE TABLE ingestion_token (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    -- NULL: all nodes of the organization.
    node_id         uuid REFERENCES node (id) ON DELETE CASCADE,
    name            text   NOT NULL,
    -- SHA-256 of the token.
    digest          bytea  NOT NULL,
    maker_id        bigint REFERENCES user_account (id) ON DELETE SET NULL,
    made_at         timestamptz NOT NULL DEFAULT now(),
    -- To ten minutes.
    last_used_at    timestamptz,
    revoked_at      timestamptz,
    CONSTRAINT ingestion_token_name_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT ingestion_token_digest_length CHECK (length(digest) = 32),
    CONSTRAINT ingestion_token_digest_unique UNIQUE (digest)
);
CREATE INDEX ingestion_token_organization ON ingestion_token (organization_id);
CREATE INDEX ingestion_token_node ON ingestion_token (node_id);
CREATE INDEX ingestion_token_maker ON ingestion_token (maker_id);
CREATE INDEX ingestion_token_revoked_at ON ingestion_token (revoked_at);

-- +goose StatementBegin
CREATE FUNCTION audit_ingestion_token() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    token  ingestion_token := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - 'digest' END;
    after  jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - 'digest' END;
    actor  bigint := nullif(current_setting('clair.actor', true), '')::bigint;
BEGIN
    INSERT INTO audit_log (actor_id, actor_name, source, subject, subject_id, action, changes)
    VALUES (actor, coalesce((SELECT username FROM user_account WHERE id = actor), ''),
            current_setting('application_name'), 'ingestion_token', token.id,
            CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'change' ELSE 'delete' END,
            (SELECT coalesce(jsonb_object_agg(key, jsonb_build_array(before -> key, after -> key)), '{}')
               FROM jsonb_object_keys(coalesce(after, before)) AS key
              WHERE before -> key IS DISTINCT FROM after -> key));
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_create AFTER INSERT ON ingestion_token FOR EACH ROW EXECUTE FUNCTION audit_ingestion_token();
-- That it is used is no deed of anybody.
CREATE TRIGGER audit_change AFTER UPDATE OF organization_id, node_id, name, revoked_at ON ingestion_token
    FOR EACH ROW EXECUTE FUNCTION audit_ingestion_token();
-- It went with its organization or node. That revoked ones are forgotten in time is no deed either.
CREATE TRIGGER audit_delete AFTER DELETE ON ingestion_token FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL) EXECUTE FUNCTION audit_ingestion_token();

-- +goose Down
DROP TABLE ingestion_token;
DROP FUNCTION audit_ingestion_token;
