-- +goose NO TRANSACTION
-- +goose Up
-- CO2 beyond what sensors measure is kept as that of a faulty sensor, as CO2 is that no air
-- has: a sensor that tells some is no silent one. Which that is is decided in package
-- measurement. Each step holds a strong lock for a moment only, as in migration 30, and all
-- can be repeated, should one of them be interrupted.
ALTER TABLE sample DROP CONSTRAINT IF EXISTS sample_co2_ppm_kept;
ALTER TABLE sample ADD CONSTRAINT sample_co2_ppm_kept CHECK (co2_ppm BETWEEN 0 AND 32767) NOT VALID;
ALTER TABLE sample VALIDATE CONSTRAINT sample_co2_ppm_kept;
ALTER TABLE sample DROP CONSTRAINT IF EXISTS sample_co2_ppm_range;

ALTER TABLE parked_sample DROP CONSTRAINT IF EXISTS parked_sample_co2_ppm_kept;
ALTER TABLE parked_sample ADD CONSTRAINT parked_sample_co2_ppm_kept CHECK (co2_ppm BETWEEN 0 AND 32767) NOT VALID;
ALTER TABLE parked_sample VALIDATE CONSTRAINT parked_sample_co2_ppm_kept;
ALTER TABLE parked_sample DROP CONSTRAINT IF EXISTS parked_sample_co2_ppm_range;

-- +goose Down
-- What the old rule does not take is the most that it takes; it is of a faulty sensor still.
-- The rule comes first: what is written meanwhile obeys it.
ALTER TABLE sample DROP CONSTRAINT IF EXISTS sample_co2_ppm_range;
ALTER TABLE sample ADD CONSTRAINT sample_co2_ppm_range CHECK (co2_ppm BETWEEN 0 AND 10000) NOT VALID;
UPDATE sample SET co2_ppm = 10000 WHERE co2_ppm > 10000;
ALTER TABLE sample VALIDATE CONSTRAINT sample_co2_ppm_range;
ALTER TABLE sample DROP CONSTRAINT IF EXISTS sample_co2_ppm_kept;

ALTER TABLE parked_sample DROP CONSTRAINT IF EXISTS parked_sample_co2_ppm_range;
ALTER TABLE parked_sample ADD CONSTRAINT parked_sample_co2_ppm_range CHECK (co2_ppm BETWEEN 0 AND 10000) NOT VALID;
UPDATE parked_sample SET co2_ppm = 10000 WHERE co2_ppm > 10000;
ALTER TABLE parked_sample VALIDATE CONSTRAINT parked_sample_co2_ppm_range;
ALTER TABLE parked_sample DROP CONSTRAINT IF EXISTS parked_sample_co2_ppm_kept;
