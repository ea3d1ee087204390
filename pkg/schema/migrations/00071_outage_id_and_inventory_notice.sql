-- +goose Up
-- Outages are shown as resources, which have an id.
ALTER TABLE node_outage
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY,
    ADD CONSTRAINT node_outage_id_unique UNIQUE (id);

-- Whoever streams live values needs to know at once when what a listener may see
-- has changed: a notice on this channel is heard when the change is committed. It
-- carries nothing; the listener asks anew. A notice takes no lock that a row would.
-- +goose StatementBegin
CREATE FUNCTION notify_inventory_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('inventory_changed', '');
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER notify_inventory_changed AFTER INSERT OR UPDATE OR DELETE ON installation
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory_changed();
CREATE TRIGGER notify_inventory_changed AFTER INSERT OR UPDATE OR DELETE ON membership
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory_changed();
CREATE TRIGGER notify_inventory_changed AFTER UPDATE OR DELETE ON room
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory_changed();
CREATE TRIGGER notify_inventory_changed AFTER UPDATE OR DELETE ON site
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory_changed();
CREATE TRIGGER notify_inventory_changed AFTER DELETE ON node
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory_changed();
-- Logging in updates the account, too; that is no change of what one may see.
CREATE TRIGGER notify_inventory_changed AFTER UPDATE OF is_active, is_superuser OR DELETE ON user_account
    FOR EACH STATEMENT EXECUTE FUNCTION notify_inventory_changed();

-- +goose Down
DROP TRIGGER notify_inventory_changed ON user_account;
DROP TRIGGER notify_inventory_changed ON node;
DROP TRIGGER notify_inventory_changed ON site;
DROP TRIGGER notify_inventory_changed ON room;
DROP TRIGGER notify_inventory_changed ON membership;
DROP TRIGGER notify_inventory_changed ON installation;
DROP FUNCTION notify_inventory_changed;
ALTER TABLE node_outage DROP COLUMN id;
