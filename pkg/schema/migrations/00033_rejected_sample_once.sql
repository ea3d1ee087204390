-- +goose Up
-- The same uplink comes on several ways, and again with each sweep of the storage
-- integration: a sample that breaks a rule is kept once, as often as it comes.
DELETE FROM rejected_sample a USING rejected_sample b
 WHERE a.id > b.id
   AND (a.node_id, a.time_s, a.co2_ppm, a.reason, a.field) = (b.node_id, b.time_s, b.co2_ppm, b.reason, b.field)
   AND a.temperature_decicelsius IS NOT DISTINCT FROM b.temperature_decicelsius
   AND a.rel_humidity_percent IS NOT DISTINCT FROM b.rel_humidity_percent;

ALTER TABLE rejected_sample ADD CONSTRAINT rejected_sample_once UNIQUE NULLS NOT DISTINCT
    (node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent, reason, field);

-- +goose Down
ALTER TABLE rejected_sample DROP CONSTRAINT rejected_sample_once;
