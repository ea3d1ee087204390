-- +goose Up
-- By which norm the air in a room is judged: by that of the room, or else of its site, or else of
-- its organization, or else by the default one. Which there are is in the program (pkg/profile).
ALTER TABLE organization ADD COLUMN verdict_profile text
    CONSTRAINT organization_verdict_profile_form CHECK (verdict_profile ~ '^[a-z0-9][a-z0-9-]{0,39}$');
ALTER TABLE site ADD COLUMN verdict_profile text
    CONSTRAINT site_verdict_profile_form CHECK (verdict_profile ~ '^[a-z0-9][a-z0-9-]{0,39}$');
ALTER TABLE room ADD COLUMN verdict_profile text
    CONSTRAINT room_verdict_profile_form CHECK (verdict_profile ~ '^[a-z0-9][a-z0-9-]{0,39}$');

-- +goose Down
ALTER TABLE room DROP COLUMN verdict_profile;
ALTER TABLE site DROP COLUMN verdict_profile;
ALTER TABLE organization DROP COLUMN verdict_profile;
