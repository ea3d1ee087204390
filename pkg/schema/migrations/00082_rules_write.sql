-- +goose Up
-- Rules over several rows hold in every isolation. A transaction that reads as of its
-- begin (REPEATABLE READ) does not see what others have committed meanwhile, and a lock
-- that is free again tells it nothing: two OWNERs left at once. So the rules write what
-- they rely on, with the values that are there; whoever comes with an older snapshot is
-- then refused by the database (serialization_failure, 40001), and may try again.

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION installation_one_organization() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    of_node bigint;
    of_site bigint;
    site    bigint;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.node_id = NEW.node_id AND OLD.room_id = NEW.room_id THEN
        RETURN NULL;
    END IF;
    UPDATE node n SET alias = n.alias WHERE n.id = NEW.node_id RETURNING n.owner_id INTO of_node;
    UPDATE room r SET name = r.name WHERE r.id = NEW.room_id RETURNING r.site_id INTO site;
    UPDATE site s SET name = s.name WHERE s.id = site RETURNING s.operator_id INTO of_site;
    -- Deferred, the row may be gone, or be somewhere else and have been checked there.
    IF of_node <> of_site AND EXISTS (
        SELECT FROM installation i WHERE i.id = NEW.id AND i.node_id = NEW.node_id AND i.room_id = NEW.room_id)
    THEN
        RAISE 'node and room of installation % belong to different organizations', NEW.id
            USING ERRCODE = 'check_violation', TABLE = 'installation', CONSTRAINT = 'installation_one_organization';
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION installed_in_one_organization(installed bigint[], moved text, rule text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    nodes uuid[];
    rooms bigint[];
    sites bigint[];
BEGIN
    IF installed IS NULL THEN
        RETURN;
    END IF;
    -- Locked in an order, so that two do not wait for each other, and then written.
    nodes := ARRAY(SELECT n.id FROM node n JOIN installation i ON i.node_id = n.id
        WHERE i.id = ANY (installed) ORDER BY n.id FOR NO KEY UPDATE OF n);
    UPDATE node n SET alias = n.alias WHERE n.id = ANY (nodes);
    rooms := ARRAY(SELECT r.id FROM room r JOIN installation i ON i.room_id = r.id
        WHERE i.id = ANY (installed) ORDER BY r.id FOR NO KEY UPDATE OF r);
    UPDATE room r SET name = r.name WHERE r.id = ANY (rooms);
    sites := ARRAY(SELECT s.id FROM site s JOIN room r ON r.site_id = s.id JOIN installation i ON i.room_id = r.id
        WHERE i.id = ANY (installed) ORDER BY s.id FOR NO KEY UPDATE OF s);
    UPDATE site s SET name = s.name WHERE s.id = ANY (sites);
    IF EXISTS (
        SELECT FROM installation i JOIN node n ON n.id = i.node_id JOIN room r ON r.id = i.room_id JOIN site s ON s.id = r.site_id
         WHERE i.id = ANY (installed) AND n.owner_id <> s.operator_id)
    THEN
        RAISE '% has installations in its present organization', moved
            USING ERRCODE = 'check_violation', TABLE = split_part(moved, ' ', 1), CONSTRAINT = rule;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION organization_keeps_owner() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE organization o SET name = o.name WHERE o.id = OLD.organization_id;
    -- Without a row the organization goes, too.
    IF FOUND AND NOT EXISTS (SELECT FROM membership m WHERE m.organization_id = OLD.organization_id AND m.role = 'O') THEN
        RAISE 'organization % would be left without an OWNER', OLD.organization_id
            USING ERRCODE = 'check_violation', TABLE = 'membership', CONSTRAINT = 'organization_keeps_owner';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION installation_one_organization() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    of_node bigint;
    of_site bigint;
    site    bigint;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.node_id = NEW.node_id AND OLD.room_id = NEW.room_id THEN
        RETURN NULL;
    END IF;
    SELECT n.owner_id INTO of_node FROM node n WHERE n.id = NEW.node_id FOR SHARE;
    SELECT r.site_id INTO site FROM room r WHERE r.id = NEW.room_id FOR SHARE;
    SELECT s.operator_id INTO of_site FROM site s WHERE s.id = site FOR SHARE;
    -- Deferred, the row may be gone, or be somewhere else and have been checked there.
    IF of_node <> of_site AND EXISTS (
        SELECT FROM installation i WHERE i.id = NEW.id AND i.node_id = NEW.node_id AND i.room_id = NEW.room_id)
    THEN
        RAISE 'node and room of installation % belong to different organizations', NEW.id
            USING ERRCODE = 'check_violation', TABLE = 'installation', CONSTRAINT = 'installation_one_organization';
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION installed_in_one_organization(installed bigint[], moved text, rule text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF installed IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM node n JOIN installation i ON i.node_id = n.id WHERE i.id = ANY (installed) ORDER BY n.id FOR SHARE OF n;
    PERFORM FROM room r JOIN installation i ON i.room_id = r.id WHERE i.id = ANY (installed) ORDER BY r.id FOR SHARE OF r;
    PERFORM FROM site s JOIN room r ON r.site_id = s.id JOIN installation i ON i.room_id = r.id
      WHERE i.id = ANY (installed) ORDER BY s.id FOR SHARE OF s;
    IF EXISTS (
        SELECT FROM installation i JOIN node n ON n.id = i.node_id JOIN room r ON r.id = i.room_id JOIN site s ON s.id = r.site_id
         WHERE i.id = ANY (installed) AND n.owner_id <> s.operator_id)
    THEN
        RAISE '% has installations in its present organization', moved
            USING ERRCODE = 'check_violation', TABLE = split_part(moved, ' ', 1), CONSTRAINT = rule;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION organization_keeps_owner() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM organization o WHERE o.id = OLD.organization_id FOR NO KEY UPDATE;
    -- Without a row the organization goes, too.
    IF FOUND AND NOT EXISTS (SELECT FROM membership m WHERE m.organization_id = OLD.organization_id AND m.role = 'O') THEN
        RAISE 'organization % would be left without an OWNER', OLD.organization_id
            USING ERRCODE = 'check_violation', TABLE = 'membership', CONSTRAINT = 'organization_keeps_owner';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
