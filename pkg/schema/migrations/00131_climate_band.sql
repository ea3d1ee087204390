-- +goose Up
-- By which band the climate of a room is judged in which things are kept: by that of the room,
-- or else of its site, or else of its organization. Where nobody chose one, it is not judged;
-- "none" says so of a part of a whole. Which there are is in the program (pkg/climate).
ALTER TABLE organization ADD COLUMN climate_band text
    CONSTRAINT organization_climate_band_form CHECK (climate_band ~ '^[a-z0-9][a-z0-9-]{0,39}$');
ALTER TABLE site ADD COLUMN climate_band text
    CONSTRAINT site_climate_band_form CHECK (climate_band ~ '^[a-z0-9][a-z0-9-]{0,39}$');
ALTER TABLE room ADD COLUMN climate_band text
    CONSTRAINT room_climate_band_form CHECK (climate_band ~ '^[a-z0-9][a-z0-9-]{0,39}$');

-- +goose Down
ALTER TABLE room DROP COLUMN climate_band;
ALTER TABLE site DROP COLUMN climate_band;
ALTER TABLE organization DROP COLUMN climate_band;
