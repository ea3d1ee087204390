-- +goose Up
-- By which channels of its owner a rule tells; empty: by all of them, as before.
ALTER TABLE alert_rule
    ADD COLUMN channel_ids bigint[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT alert_rule_channel_ids_few CHECK (cardinality(channel_ids) <= 100);

-- A channel that goes is chosen no more. A rule of which it was the last tells by all others, rather than nobody.
-- +goose StatementBegin
CREATE FUNCTION channel_chosen_no_more() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE alert_rule SET channel_ids = array_remove(channel_ids, OLD.id)
     WHERE (user_id = OLD.user_id OR organization_id = OLD.organization_id) AND OLD.id = ANY (channel_ids);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION channel_chosen_no_more FROM PUBLIC;
CREATE TRIGGER chosen_no_more AFTER DELETE ON notification_channel FOR EACH ROW EXECUTE FUNCTION channel_chosen_no_more();

-- +goose Down
DROP TRIGGER chosen_no_more ON notification_channel;
DROP FUNCTION channel_chosen_no_more;
ALTER TABLE alert_rule DROP COLUMN channel_ids;
