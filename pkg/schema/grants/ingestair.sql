-- The ingestair: what comes in from sensors, and its upkeep. It sees no person, no address
-- and no room, and of sensors their keys and the number of their organization alone.
GRANT USAGE ON SCHEMA public TO :role;

GRANT SELECT (id, no, eui64, owner_id) ON node TO :role;
GRANT SELECT ON node_epoch TO :role;
GRANT SELECT ON stuck_sensor TO :role;
-- It looks up the token of a caller, and makes, revives or widens none.
GRANT SELECT (digest, organization_id, node_id, revoked_at, last_used_at), UPDATE (last_used_at) ON ingestion_token TO :role;
GRANT SELECT, INSERT, UPDATE, DELETE ON scripted_node TO :role; -- UPDATE: locked in an order

-- Samples are added; those of deleted sensors are purged. None is changed.
GRANT SELECT, INSERT, DELETE ON sample TO :role;
GRANT SELECT, INSERT, DELETE ON reading TO :role;
-- Quantities that come later are added to the row of their second.
GRANT UPDATE (readings) ON reading, parked_reading TO :role;
GRANT SELECT, UPDATE, DELETE ON retired_node TO :role; -- UPDATE: locked while it is purged
GRANT SELECT, INSERT, UPDATE, DELETE ON sample_hour, sample_day TO :role;
GRANT SELECT, INSERT, UPDATE ON sample_total TO :role;
GRANT SELECT, INSERT, DELETE ON sample_late TO :role;
GRANT SELECT, UPDATE ON sample_rollup_state TO :role;

-- What sensors tell of themselves.
GRANT SELECT, INSERT, UPDATE ON node_status TO :role;
GRANT SELECT, INSERT, UPDATE, DELETE ON node_radio_day TO :role;
GRANT SELECT, INSERT, DELETE ON node_status_journal TO :role;

-- What is set aside, and for how long.
GRANT SELECT, INSERT, DELETE ON parked_sample, rejected_sample, parked_reading, rejected_reading, undecoded_uplink TO :role;
GRANT SELECT, INSERT, UPDATE, DELETE ON heard_device TO :role;

GRANT EXECUTE ON FUNCTION sample_month_is_open, open_sample_month, ensure_sample_partition, note_late_hours,
    write_node_status, tell_node_status, hear_devices, hear_uplinks, sample_hours_raw, add_to_sample_total, fill_sample_index, drop_half_built_sample_indexes TO :role;

-- Before PostgreSQL 17 nobody but the owner rebuilds an index; then it is left as it is.
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 170000 THEN
        GRANT MAINTAIN ON sample, node_status_journal TO :role;
    END IF;
END
$$;
-- Of months that are there; those to come get it when they are made.
SELECT share_sample_privileges(inhrelid) FROM pg_inherits WHERE inhparent = 'sample'::regclass;
