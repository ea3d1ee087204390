-- +goose Up
-- How people and programs are told: ways to reach them (notification_channel), what they are
-- to be told (notification), and what became of each try (notification_attempt). See
-- managair's package notify.

-- notification_channel is that of an account or of an organization: never of both.
CREATE TABLE notification_channel (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id         bigint REFERENCES user_account (id) ON DELETE CASCADE,
    organization_id bigint REFERENCES organization (id) ON DELETE CASCADE,
    kind            text        NOT NULL,
    name            text        NOT NULL,
    language        text        NOT NULL,
    -- Where it leads, as far as people may see it.
    target          text        NOT NULL,
    -- What it takes to get there: whoever has it can write there, or sign as we do.
    secret          jsonb       NOT NULL,
    made_at         timestamptz NOT NULL DEFAULT now(),
    -- Nothing else is sent until its owner has shown that what was sent arrived.
    code_digest     bytea,
    code_made_at    timestamptz,
    code_tries      integer     NOT NULL DEFAULT 0,
    answered_at     timestamptz,
    confirmed_at    timestamptz,
    -- It is left alone, and why: its reader left, or it told that it is gone.
    disabled_at     timestamptz,
    disabled_why    text        NOT NULL DEFAULT '',
    -- Who delivers to it, and until when nobody else does.
    taken_by        bigint      NOT NULL DEFAULT 0,
    taken_until     timestamptz,
    -- Until when its receiver asked to be left alone.
    rests_until     timestamptz,
    CONSTRAINT notification_channel_owner CHECK (num_nonnulls(user_id, organization_id) = 1),
    CONSTRAINT notification_channel_kind CHECK (kind IN ('email', 'webhook', 'ntfy', 'matrix', 'telegram', 'slack', 'teams')),
    CONSTRAINT notification_channel_name_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT notification_channel_target_length CHECK (length(target) BETWEEN 1 AND 500),
    CONSTRAINT notification_channel_secret_size CHECK (octet_length(secret::text) <= 8192),
    CONSTRAINT notification_channel_code_digest_length CHECK (length(code_digest) = 32)
);
CREATE INDEX notification_channel_user ON notification_channel (user_id);
CREATE INDEX notification_channel_organization ON notification_channel (organization_id);

-- notification is written in the transaction in which its cause is, and is delivered later.
-- Those of a channel and group that are due together go as one parcel, that of the first.
CREATE TABLE notification (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_id      bigint      NOT NULL REFERENCES notification_channel (id) ON DELETE CASCADE,
    -- What its writer knows it by: written twice, it is there once.
    key             text        NOT NULL,
    kind            text        NOT NULL,
    -- Whose it is about; NULL: about none.
    organization_id bigint REFERENCES organization (id) ON DELETE CASCADE,
    group_key       text        NOT NULL,
    data            jsonb       NOT NULL,
    written_at      timestamptz NOT NULL DEFAULT now(),
    state           text        NOT NULL DEFAULT 'waiting',
    -- When it is to be sent, or to be tried again.
    due_at          timestamptz NOT NULL,
    parcel_id       bigint,
    attempts        integer     NOT NULL DEFAULT 0,
    ended_at        timestamptz,
    -- Why it was not delivered (yet).
    why             text        NOT NULL DEFAULT '',
    CONSTRAINT notification_once UNIQUE (channel_id, key),
    CONSTRAINT notification_state CHECK (state IN ('waiting', 'delivered', 'dead', 'dropped')),
    CONSTRAINT notification_key_length CHECK (length(key) BETWEEN 1 AND 200),
    CONSTRAINT notification_kind_length CHECK (length(kind) BETWEEN 1 AND 60),
    CONSTRAINT notification_group_key_length CHECK (length(group_key) <= 200),
    CONSTRAINT notification_data_size CHECK (octet_length(data::text) <= 32768)
);
CREATE INDEX notification_due ON notification (channel_id, due_at, id) WHERE state = 'waiting';
CREATE INDEX notification_parcel ON notification (parcel_id);
CREATE INDEX notification_organization ON notification (organization_id);
CREATE INDEX notification_ended ON notification (ended_at) WHERE state <> 'waiting';

-- notification_attempt is one try to deliver the parcel of a notification.
CREATE TABLE notification_attempt (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id bigint      NOT NULL REFERENCES notification (id) ON DELETE CASCADE,
    began_at        timestamptz NOT NULL,
    took_ms         integer     NOT NULL,
    outcome         text        NOT NULL,
    -- What the receiver answered with, 0: nothing, and the begin of what it said.
    status          integer     NOT NULL,
    answer          text        NOT NULL,
    -- What was sent, as far as it may be read again.
    sent            text        NOT NULL,
    CONSTRAINT notification_attempt_outcome CHECK (outcome IN ('delivered', 'failed', 'refused')),
    CONSTRAINT notification_attempt_answer_length CHECK (length(answer) <= 2000),
    CONSTRAINT notification_attempt_sent_length CHECK (length(sent) <= 65536)
);
CREATE INDEX notification_attempt_notification ON notification_attempt (notification_id);

-- The log of changes tells that an address or a secret was changed, and none of them.
-- +goose StatementBegin
CREATE FUNCTION audit_notification_channel() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    before  jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after   jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    actor   bigint := nullif(current_setting('clair.actor', true), '')::bigint;
    changed jsonb;
BEGIN
    SELECT jsonb_object_agg(key, CASE WHEN key IN ('target', 'secret') THEN '["***", "***"]' ELSE jsonb_build_array(before -> key, after -> key) END)
      INTO changed
      FROM unnest(ARRAY['id', 'user_id', 'organization_id', 'kind', 'name', 'language', 'target', 'secret', 'confirmed_at', 'disabled_at',
                        'disabled_why']) AS key
     WHERE before -> key IS DISTINCT FROM after -> key;
    IF changed IS NOT NULL THEN
        INSERT INTO audit_log (actor_id, actor_name, source, subject, subject_id, action, changes)
        VALUES (actor, coalesce((SELECT username FROM user_account WHERE id = actor), ''),
                current_setting('application_name'), 'notification_channel', coalesce(after, before) ->> 'id',
                CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'change' ELSE 'delete' END, changed);
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION audit_notification_channel FROM PUBLIC;
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF name, language, target, secret, confirmed_at, disabled_at ON notification_channel
    FOR EACH ROW EXECUTE FUNCTION audit_notification_channel();

-- +goose Down
DROP TABLE notification_attempt;
DROP TABLE notification;
DROP TABLE notification_channel;
DROP FUNCTION audit_notification_channel;
