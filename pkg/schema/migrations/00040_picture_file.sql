-- +goose Up
-- A picture is visible to whoever knows its name, so it gets another name when it stops
-- being public. Its file stays where it is: image is the name that the world sees,
-- image_file that of the file in the store, NULL while they are the same.
ALTER TABLE installation ADD COLUMN image_file text;
CREATE INDEX installation_image ON installation (image) WHERE image IS NOT NULL;
CREATE INDEX installation_image_file ON installation (coalesce(image_file, image)) WHERE image IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION rename_picture() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.image IS DISTINCT FROM OLD.image THEN
        NEW.image_file := NULL; -- another picture
    ELSIF OLD.is_public AND NOT NEW.is_public THEN
        NEW.image_file := coalesce(OLD.image_file, OLD.image);
        NEW.image := replace(gen_random_uuid()::text, '-', '') || substring(OLD.image FROM '\.[^.]*$');
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- The name sorts it before the audit log's, which must see what is written.
CREATE TRIGGER a_rename_picture BEFORE UPDATE OF image, is_public ON installation
    FOR EACH ROW WHEN (OLD.image IS NOT NULL) EXECUTE FUNCTION rename_picture();

-- +goose Down
DROP TRIGGER a_rename_picture ON installation;
DROP FUNCTION rename_picture();
-- Whoever goes back has pictures under the names of their files again.
UPDATE installation SET image = image_file WHERE image_file IS NOT NULL;
DROP INDEX installation_image_file;
DROP INDEX installation_image;
ALTER TABLE installation DROP COLUMN image_file;
