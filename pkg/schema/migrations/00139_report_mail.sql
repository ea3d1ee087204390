-- +goose Up
-- Who gets reports on the air of a site by mail (report_subscription), and each report that is to be mailed, or was
-- (report_mail). See managair's package reportmail.

CREATE TABLE report_subscription (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id       bigint      NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    site_id       bigint      NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    language      text        NOT NULL,
    -- Since when reports are wanted, NULL: they are not. What was over before is not mailed.
    weekly_since  timestamptz,
    monthly_since timestamptz,
    -- Whoever has it may unsubscribe.
    leave_key     text        NOT NULL,
    CONSTRAINT report_subscription_once UNIQUE (user_id, site_id),
    CONSTRAINT report_subscription_language CHECK (language IN ('de', 'en', 'fr')),
    CONSTRAINT report_subscription_leave_key_length CHECK (length(leave_key) BETWEEN 20 AND 60)
);
CREATE INDEX report_subscription_site ON report_subscription (site_id);

CREATE TABLE report_mail (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id bigint      NOT NULL REFERENCES report_subscription (id) ON DELETE CASCADE,
    kind            text        NOT NULL,
    first_day       date        NOT NULL,
    state           text        NOT NULL DEFAULT 'waiting',
    why             text        NOT NULL DEFAULT '',
    -- When it is to be sent, or to be tried again.
    due_at          timestamptz NOT NULL,
    -- How often its reader has asked for it; each time it is another mail.
    asked           integer     NOT NULL DEFAULT 0,
    attempts        integer     NOT NULL DEFAULT 0,
    -- Whether anything was measured; NULL until it was made.
    measured        boolean,
    -- Who makes it, and until when nobody else does.
    taken_by        bigint      NOT NULL DEFAULT 0,
    taken_until     timestamptz,
    ended_at        timestamptz,
    CONSTRAINT report_mail_once UNIQUE (subscription_id, kind, first_day),
    CONSTRAINT report_mail_kind CHECK (kind IN ('week', 'month')),
    CONSTRAINT report_mail_state CHECK (state IN ('waiting', 'sent', 'skipped', 'failed')),
    CONSTRAINT report_mail_why CHECK (why IN ('', 'nothing_measured', 'not_wanted', 'no_address', 'refused', 'error'))
);
CREATE INDEX report_mail_due ON report_mail (due_at, id) WHERE state = 'waiting';

-- +goose Down
DROP TABLE report_mail;
DROP TABLE report_subscription;
