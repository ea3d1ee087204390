-- +goose Up
-- What people want to be told (alert_rule), when it was so (alert_episode), and what came of it
-- (alert_event). See managair's package alert.

-- alert_rule is that of an account (personal), for what it may see, or of an organization. It
-- watches all of the organization, or a site, a room or a node of it: never several of these.
CREATE TABLE alert_rule (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text          NOT NULL,
    organization_id bigint        NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    -- Who made it. A personal rule whose account is gone tells nobody, and is cleared.
    user_id         bigint        REFERENCES user_account (id) ON DELETE SET NULL,
    personal        boolean       NOT NULL,
    site_id         bigint        REFERENCES site (id) ON DELETE CASCADE,
    room_id         bigint        REFERENCES room (id) ON DELETE CASCADE,
    node_id         uuid          REFERENCES node (id) ON DELETE CASCADE,
    enabled         boolean       NOT NULL,
    condition       text          NOT NULL,
    quantity        text,
    threshold       numeric(6, 1),
    hysteresis      numeric(6, 1),
    for_s           integer,
    occupied_only   boolean       NOT NULL,
    remind_after_s  integer,
    tell_recovery   boolean       NOT NULL,
    quiet_from      text,
    quiet_to        text,
    time_zone       text          NOT NULL,
    snoozed_until   timestamptz,
    -- What it was made of by a template, which makes it once.
    template        text,
    CONSTRAINT alert_rule_name_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT alert_rule_scope CHECK (num_nonnulls(site_id, room_id, node_id) <= 1),
    CONSTRAINT alert_rule_condition CHECK (condition IN ('above', 'below', 'profile', 'silent', 'faulty', 'battery', 'swing')),
    CONSTRAINT alert_rule_quantity_length CHECK (length(quantity) BETWEEN 1 AND 30),
    CONSTRAINT alert_rule_threshold_range CHECK (threshold BETWEEN -50 AND 10000),
    CONSTRAINT alert_rule_hysteresis_range CHECK (hysteresis BETWEEN 0 AND 5000),
    CONSTRAINT alert_rule_for_s_range CHECK (for_s BETWEEN 0 AND 86400),
    CONSTRAINT alert_rule_remind_after_s_range CHECK (remind_after_s BETWEEN 900 AND 2592000),
    CONSTRAINT alert_rule_quiet_from_length CHECK (length(quiet_from) BETWEEN 1 AND 5),
    CONSTRAINT alert_rule_quiet_to_length CHECK (length(quiet_to) BETWEEN 1 AND 5),
    CONSTRAINT alert_rule_quiet_both CHECK (num_nonnulls(quiet_from, quiet_to) <> 1),
    CONSTRAINT alert_rule_time_zone_length CHECK (length(time_zone) BETWEEN 1 AND 64),
    CONSTRAINT alert_rule_template_length CHECK (length(template) <= 40)
);
CREATE INDEX alert_rule_organization ON alert_rule (organization_id);
CREATE INDEX alert_rule_user ON alert_rule (user_id);
CREATE INDEX alert_rule_site ON alert_rule (site_id) WHERE site_id IS NOT NULL;
CREATE INDEX alert_rule_room ON alert_rule (room_id) WHERE room_id IS NOT NULL;
CREATE INDEX alert_rule_node ON alert_rule (node_id) WHERE node_id IS NOT NULL;
CREATE UNIQUE INDEX alert_rule_template_once ON alert_rule (organization_id, (CASE WHEN personal THEN user_id ELSE 0 END), template,
    coalesce(site_id, 0), coalesce(room_id, 0), coalesce(node_id, '00000000-0000-0000-0000-000000000000'))
    WHERE template IS NOT NULL;

-- alert_episode is a time in which what a rule says was so at a node. It is written with what is
-- to be told of it, in one transaction.
CREATE TABLE alert_episode (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_id          bigint      NOT NULL REFERENCES alert_rule (id) ON DELETE CASCADE,
    node_id          uuid        NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    -- Where the node was; NULL: nowhere.
    room_id          bigint      REFERENCES room (id) ON DELETE CASCADE,
    -- By the times of samples; noticed_at is by ours.
    opened_at        timestamptz NOT NULL,
    noticed_at       timestamptz NOT NULL,
    closed_at        timestamptz,
    close_reason     text,
    -- What the rule held the air against, and what it was: first, worst and last.
    threshold        double precision,
    value            double precision,
    worst            double precision,
    acknowledged_at  timestamptz,
    acknowledged_by  bigint      REFERENCES user_account (id) ON DELETE SET NULL,
    snoozed_until    timestamptz,
    -- How often somebody was told that it is so, and when they are to be told (again): NULL: not.
    told             integer     NOT NULL DEFAULT 0,
    due_at           timestamptz,
    CONSTRAINT alert_episode_closed CHECK ((closed_at IS NULL) = (close_reason IS NULL)),
    CONSTRAINT alert_episode_close_reason CHECK (close_reason IN ('recovered', 'unoccupied', 'no_data', 'not_watched', 'corrected')),
    CONSTRAINT alert_episode_not_due CHECK (closed_at IS NULL OR due_at IS NULL)
);
CREATE UNIQUE INDEX alert_episode_one_open ON alert_episode (rule_id, node_id) WHERE closed_at IS NULL;
CREATE INDEX alert_episode_rule ON alert_episode (rule_id, opened_at);
CREATE INDEX alert_episode_node ON alert_episode (node_id, opened_at);
CREATE INDEX alert_episode_room ON alert_episode (room_id, opened_at);
CREATE INDEX alert_episode_due ON alert_episode (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX alert_episode_closed ON alert_episode (closed_at) WHERE closed_at IS NOT NULL;

-- alert_event is what came of an episode, in its order.
CREATE TABLE alert_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    episode_id bigint      NOT NULL REFERENCES alert_episode (id) ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    kind       text        NOT NULL,
    -- Who did it; NULL: we did, or they are gone.
    user_id    bigint      REFERENCES user_account (id) ON DELETE SET NULL,
    -- {"channels": [1, 2]}, {"until": "..."}, {"reason": "recovered"}.
    detail     jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT alert_event_kind CHECK (kind IN ('opened', 'told', 'reminded', 'acknowledged', 'snoozed', 'recovered', 'closed'))
);
CREATE INDEX alert_event_episode ON alert_event (episode_id, id);

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON alert_rule FOR EACH ROW EXECUTE FUNCTION audit_change();
-- Whoever judges rules has them in memory, and who may see what.
CREATE TRIGGER notify_inventory_changed AFTER INSERT OR UPDATE OR DELETE ON alert_rule
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory_changed();

-- +goose Down
DROP TABLE alert_event;
DROP TABLE alert_episode;
DROP TABLE alert_rule;
