-- +goose NO TRANSACTION
-- +goose Up
-- Sensors measure from -40 to 85 degrees: a hot window sill must not cost the CO2
-- beside it. Each step holds a strong lock for a moment only: the new constraint is not
-- checked when it is made; checking it lets readers and writers go on; then the old one
-- goes. All steps can be repeated, should one of them be interrupted.
ALTER TABLE sample DROP CONSTRAINT IF EXISTS sample_temperature_sensor_range;
ALTER TABLE sample ADD CONSTRAINT sample_temperature_sensor_range
    CHECK (temperature_decicelsius BETWEEN -400 AND 850) NOT VALID;
ALTER TABLE sample VALIDATE CONSTRAINT sample_temperature_sensor_range;
ALTER TABLE sample DROP CONSTRAINT IF EXISTS sample_temperature_range;

ALTER TABLE parked_sample DROP CONSTRAINT IF EXISTS parked_sample_temperature_sensor_range;
ALTER TABLE parked_sample ADD CONSTRAINT parked_sample_temperature_sensor_range
    CHECK (temperature_decicelsius BETWEEN -400 AND 850) NOT VALID;
ALTER TABLE parked_sample VALIDATE CONSTRAINT parked_sample_temperature_sensor_range;
ALTER TABLE parked_sample DROP CONSTRAINT IF EXISTS parked_sample_temperature_range;

-- +goose Down
-- What the old rule does not take is unknown again; the CO2 beside it stays.
UPDATE sample SET temperature_decicelsius = NULL WHERE temperature_decicelsius NOT BETWEEN -200 AND 400;
ALTER TABLE sample DROP CONSTRAINT IF EXISTS sample_temperature_range;
ALTER TABLE sample ADD CONSTRAINT sample_temperature_range
    CHECK (temperature_decicelsius BETWEEN -200 AND 400) NOT VALID;
ALTER TABLE sample VALIDATE CONSTRAINT sample_temperature_range;
ALTER TABLE sample DROP CONSTRAINT IF EXISTS sample_temperature_sensor_range;

UPDATE parked_sample SET temperature_decicelsius = NULL WHERE temperature_decicelsius NOT BETWEEN -200 AND 400;
ALTER TABLE parked_sample DROP CONSTRAINT IF EXISTS parked_sample_temperature_range;
ALTER TABLE parked_sample ADD CONSTRAINT parked_sample_temperature_range
    CHECK (temperature_decicelsius BETWEEN -200 AND 400) NOT VALID;
ALTER TABLE parked_sample VALIDATE CONSTRAINT parked_sample_temperature_range;
ALTER TABLE parked_sample DROP CONSTRAINT IF EXISTS parked_sample_temperature_sensor_range;
