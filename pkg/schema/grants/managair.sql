-- managair: API, pages, commands and its worker. One role for all, because the worker sends
-- the mails with links that let whoever has them into any account, and clears sessions and
-- tokens: what it could be denied is worth nothing to whoever has that.
GRANT USAGE ON SCHEMA public TO :role;

-- People and how they log in.
GRANT SELECT, INSERT, UPDATE, DELETE ON user_account, email_address, staff_right, api_token, account_session, account_key,
    account_attempt, known_device, user_introduction, invitation, kept_mail, outgoing_mail TO :role;
-- Log-ins are added to the log of changes, and it expires, as far as its policies let it: it is
-- not taken back. Changes come into it, and names out of it, by triggers that run as the owner.
GRANT SELECT, INSERT, DELETE ON audit_log TO :role;

-- The inventory.
GRANT SELECT, INSERT, UPDATE, DELETE ON organization, membership, address, site, room, quantity, node_protocol, node_model,
    node_model_quantity, node, installation, calibration, claim_code, ingestion_token, network_application TO :role;
-- What registering and deleting sensors leads to.
GRANT SELECT, INSERT, UPDATE, DELETE ON heard_device TO :role;
GRANT SELECT ON scripted_node TO :role;
GRANT SELECT, UPDATE ON node_epoch TO :role;
GRANT SELECT, INSERT ON retired_node TO :role;

-- Which sensors were described.
GRANT SELECT, INSERT ON described_sensor TO :role;

-- How people and programs are told.
GRANT SELECT, INSERT, UPDATE, DELETE ON notification_channel, notification, notification_attempt TO :role;

-- What accounts have exported.
GRANT SELECT, INSERT, UPDATE, DELETE ON data_export TO :role;

-- Who gets reports by mail.
GRANT SELECT, INSERT, UPDATE, DELETE ON report_subscription, report_mail TO :role;

-- What people want to be told, and what came of it.
GRANT SELECT, INSERT, UPDATE, DELETE ON alert_rule, alert_episode, alert_event TO :role;

-- When people are in rooms.
GRANT SELECT, INSERT, UPDATE, DELETE ON timetable, occupied_day, occupancy_progress TO :role;

-- Air files, and what they are signed with.
GRANT SELECT, INSERT, UPDATE ON air_file, signing_key, air_file_month TO :role;

-- Forms that laws ask for. Versions stay as they are; the form is locked while one is made.
GRANT SELECT, INSERT, UPDATE, DELETE ON site_form TO :role;
GRANT SELECT, INSERT ON site_form_version TO :role;

-- Samples: read, adopted, loaded, copied from the predecessor. Roll-ups are the ingestair's,
-- but for hours that have to be rolled up again.
GRANT SELECT, INSERT ON sample, sample_late TO :role;
GRANT SELECT, INSERT ON reading TO :role;
-- What turns out to be the value of a stuck sensor is marked so, and nothing else is changed.
GRANT UPDATE (status) ON sample TO :role;
GRANT SELECT, INSERT, UPDATE ON stuck_sensor TO :role;
GRANT SELECT ON sample_hour, sample_day, sample_total, sample_rollup_state TO :role;
GRANT SELECT, INSERT, UPDATE ON node_status TO :role;
GRANT SELECT, INSERT, UPDATE ON node_radio_day TO :role;
GRANT SELECT, INSERT, DELETE ON node_status_journal TO :role;
GRANT SELECT, INSERT, UPDATE, DELETE ON parked_sample, rejected_sample, parked_reading, rejected_reading, undecoded_uplink TO :role;
GRANT SELECT, INSERT, UPDATE, DELETE ON node_fidelity, node_outage, fidelity_check, node_night, node_charge, node_health, import_chunk TO :role;
-- Keys go on after what was loaded with its own.
GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO :role;

-- Which migrations were applied.
GRANT SELECT ON goose_db_version TO :role;

GRANT EXECUTE ON FUNCTION sample_month_is_open, open_sample_month, ensure_sample_partition, note_late_hours,
    write_node_status, tell_node_status, adopt_parked_samples, adopt_parked_readings, hear_devices, hear_uplinks, sample_hours_raw, sample_hours, sample_days, sample_count,
    installed_in_one_organization TO :role;

-- Run by triggers, for whom it takes no right:
--   notify_inventory_changed, notify_login_ended, node_deleted, node_begins_anew, node_leaves_device, node_adopts_parked_samples,
--   rename_picture, sample_day_changed, installation_one_organization, node_stays_in_organization,
--   room_stays_in_organization, site_stays_in_organization, organization_keeps_owner,
--   audit_change, audit_token, audit_forget, audit_claim_code, audit_ingestion_token, audit_timetable, audit_notification_channel,
--   audit_air_file, audit_signing_key, audit_site_form, channel_chosen_no_more
-- The owner's alone: detach_sample_partition, share_sample_privileges, share_privileges, ensure_month_of, blank_audit
