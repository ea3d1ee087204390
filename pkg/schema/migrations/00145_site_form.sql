-- +goose Up
-- Forms that laws ask operators for, such as the French yearly evaluation of ventilation. What
-- they ask is in the program (package form).

-- site_form is a form about a site and the days that were measured.
CREATE TABLE site_form (
    id        bigint      GENERATED ALWAYS AS IDENTITY,
    site_id   bigint      NOT NULL,
    form      text        NOT NULL,
    from_date date        NOT NULL,
    to_date   date        NOT NULL, -- the last day
    made_at   timestamptz NOT NULL,
    CONSTRAINT site_form_pkey PRIMARY KEY (id),
    CONSTRAINT site_form_site_id_fkey FOREIGN KEY (site_id) REFERENCES site (id) ON DELETE CASCADE,
    CONSTRAINT site_form_unique UNIQUE (site_id, form, from_date, to_date),
    CONSTRAINT site_form_days CHECK (from_date <= to_date AND to_date - from_date < 400),
    CONSTRAINT site_form_form CHECK (form ~ '^[a-z0-9][a-z0-9-]{0,39}$')
);

-- site_form_version is what stood in it: none is ever changed.
CREATE TABLE site_form_version (
    form_id bigint      NOT NULL,
    version integer     NOT NULL,
    made_at timestamptz NOT NULL,
    -- JSON, see form.Document.Text.
    content bytea       NOT NULL,
    CONSTRAINT site_form_version_pkey PRIMARY KEY (form_id, version),
    CONSTRAINT site_form_version_form_id_fkey FOREIGN KEY (form_id) REFERENCES site_form (id) ON DELETE CASCADE,
    CONSTRAINT site_form_version_counts CHECK (version >= 1),
    CONSTRAINT site_form_version_size CHECK (octet_length(content) <= 1048576)
);
ALTER TABLE site_form_version ALTER COLUMN content SET COMPRESSION lz4;

-- Who made, changed and deleted one stands in the log of changes; what they wrote does not,
-- for there are names in it.
-- +goose StatementBegin
CREATE FUNCTION audit_site_form() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    actor   bigint := nullif(current_setting('clair.actor', true), '')::bigint;
    subject bigint;
    changed jsonb;
    said    text;
BEGIN
    IF TG_TABLE_NAME = 'site_form_version' THEN
        IF NEW.version = 1 THEN
            RETURN NULL; -- said with the form
        END IF;
        subject := NEW.form_id;
        said := 'change';
        changed := jsonb_build_object('version', jsonb_build_array(NEW.version - 1, NEW.version));
    ELSIF TG_OP = 'INSERT' THEN
        subject := NEW.id;
        said := 'create';
        changed := jsonb_build_object('site_id', jsonb_build_array(NULL, NEW.site_id), 'form', jsonb_build_array(NULL, NEW.form));
    ELSE
        subject := OLD.id;
        said := 'delete';
        changed := jsonb_build_object('site_id', jsonb_build_array(OLD.site_id, NULL), 'form', jsonb_build_array(OLD.form, NULL));
    END IF;
    INSERT INTO audit_log (actor_id, actor_name, source, subject, subject_id, action, changes)
    VALUES (actor, coalesce((SELECT username FROM user_account WHERE id = actor), ''),
            current_setting('application_name'), 'site_form', subject, said, changed);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION audit_site_form FROM PUBLIC;
CREATE TRIGGER audit AFTER INSERT OR DELETE ON site_form FOR EACH ROW EXECUTE FUNCTION audit_site_form();
CREATE TRIGGER audit AFTER INSERT ON site_form_version FOR EACH ROW EXECUTE FUNCTION audit_site_form();

-- +goose Down
DROP TABLE site_form_version, site_form;
DROP FUNCTION audit_site_form;
