-- +goose Up
-- Rules over several rows, so that every way to the tables meets the same wall. They
-- look at what changes: rows that broke a rule before stay, can be read, ended and
-- deleted, and `managair check` lists them. Each may be deferred to the end of a
-- transaction. The functions lock what they rely on, and look in a statement of its
-- own afterwards, which sees what others have committed meanwhile.

-- Node and room of an installation belong to one organization.
-- +goose StatementBegin
CREATE FUNCTION installation_one_organization() RETURNS trigger
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
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER installation_one_organization AFTER INSERT OR UPDATE OF node_id, room_id ON installation
    DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION installation_one_organization();

-- What is installed does not move to another organization: neither a node, nor the
-- site of a room, nor a room to a site. rule is the name of the trigger.
-- +goose StatementBegin
CREATE FUNCTION installed_in_one_organization(installed bigint[], moved text, rule text) RETURNS void
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
CREATE FUNCTION node_stays_in_organization() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM installed_in_one_organization(
        (SELECT array_agg(i.id) FROM installation i WHERE i.node_id = NEW.id), 'node ' || NEW.id, TG_NAME);
    RETURN NULL;
END
$$;
CREATE FUNCTION room_stays_in_organization() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM installed_in_one_organization(
        (SELECT array_agg(i.id) FROM installation i WHERE i.room_id = NEW.id), 'room ' || NEW.id, TG_NAME);
    RETURN NULL;
END
$$;
CREATE FUNCTION site_stays_in_organization() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM installed_in_one_organization(
        (SELECT array_agg(i.id) FROM installation i JOIN room r ON r.id = i.room_id WHERE r.site_id = NEW.id),
        'site ' || NEW.id, TG_NAME);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER node_stays_in_organization AFTER UPDATE OF owner_id ON node
    DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW WHEN (OLD.owner_id <> NEW.owner_id) EXECUTE FUNCTION node_stays_in_organization();
CREATE CONSTRAINT TRIGGER room_stays_in_organization AFTER UPDATE OF site_id ON room
    DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW WHEN (OLD.site_id <> NEW.site_id) EXECUTE FUNCTION room_stays_in_organization();
CREATE CONSTRAINT TRIGGER site_stays_in_organization AFTER UPDATE OF operator_id ON site
    DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW WHEN (OLD.operator_id <> NEW.operator_id) EXECUTE FUNCTION site_stays_in_organization();

-- An organization that has an OWNER keeps one. Those who take OWNERs away wait for
-- each other at the organization's row.
-- +goose StatementBegin
CREATE FUNCTION organization_keeps_owner() RETURNS trigger
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
CREATE CONSTRAINT TRIGGER organization_keeps_owner AFTER UPDATE OF role, organization_id OR DELETE ON membership
    DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW WHEN (OLD.role = 'O') EXECUTE FUNCTION organization_keeps_owner();

-- +goose Down
DROP TRIGGER organization_keeps_owner ON membership;
DROP TRIGGER site_stays_in_organization ON site;
DROP TRIGGER room_stays_in_organization ON room;
DROP TRIGGER node_stays_in_organization ON node;
DROP TRIGGER installation_one_organization ON installation;
DROP FUNCTION organization_keeps_owner, site_stays_in_organization, room_stays_in_organization, node_stays_in_organization,
    installed_in_one_organization, installation_one_organization;
