-- +goose Up
-- When people are in rooms: what their organization says of it (timetable), and what was
-- decided of each past day (occupied_day).

-- timetable is that of a site or of a room: never of both.
CREATE TABLE timetable (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id            bigint REFERENCES site (id) ON DELETE CASCADE,
    room_id            bigint REFERENCES room (id) ON DELETE CASCADE,
    -- {"Mo": [{"from": "08:00", "to": "14:00"}], ...}; NULL: nothing is said.
    weekly             jsonb,
    -- [{"from_date": "2026-12-21", "to_date": "2027-01-02", "name": "...", "hours": [...]}, ...]
    exceptions         jsonb       NOT NULL DEFAULT '[]',
    -- ISO 3166 code of the region whose public holidays are free.
    region             text,
    -- Where a calendar of holidays is read daily, and what was last read there, or uploaded.
    calendar_url       text,
    calendar_days      jsonb       NOT NULL DEFAULT '[]',
    calendar_left_out  integer     NOT NULL DEFAULT 0,
    calendar_read_at   timestamptz,
    calendar_tried_at  timestamptz,
    calendar_failure   text        NOT NULL DEFAULT '',
    CONSTRAINT timetable_site_unique UNIQUE (site_id),
    CONSTRAINT timetable_room_unique UNIQUE (room_id),
    CONSTRAINT timetable_holder CHECK (num_nonnulls(site_id, room_id) = 1),
    CONSTRAINT timetable_rooms_have_no_calendar
        CHECK (room_id IS NULL OR region IS NULL AND calendar_url IS NULL AND calendar_read_at IS NULL),
    CONSTRAINT timetable_region_length CHECK (length(region) <= 10),
    CONSTRAINT timetable_calendar_url_length CHECK (length(calendar_url) <= 510),
    CONSTRAINT timetable_size CHECK (octet_length(weekly::text) <= 16384 AND octet_length(exceptions::text) <= 40960
        AND octet_length(calendar_days::text) <= 1048576)
);
CREATE INDEX timetable_calendar ON timetable (calendar_tried_at NULLS FIRST) WHERE calendar_url IS NOT NULL;

-- Nobody can fill the log, of which nothing goes for a week: of long values it has what tells them
-- apart. Whoever knows the address of a calendar may read it: the log does not.
-- +goose StatementBegin
CREATE FUNCTION audit_timetable() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    before  jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after   jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    actor   bigint := nullif(current_setting('clair.actor', true), '')::bigint;
    changed jsonb;
BEGIN
    SELECT jsonb_object_agg(key, (
               SELECT jsonb_agg(CASE
                          WHEN key = 'calendar_url' AND value <> 'null' THEN '"***"'
                          WHEN octet_length(value::text) > 500
                          THEN jsonb_build_object('length', octet_length(value::text), 'md5', md5(value::text))
                          ELSE value END ORDER BY place)
                 FROM unnest(ARRAY[before -> key, after -> key]) WITH ORDINALITY AS pair (value, place)
                WHERE place = 1 OR after IS NOT NULL))
      INTO changed
      FROM unnest(ARRAY['id', 'site_id', 'room_id', 'weekly', 'exceptions', 'region', 'calendar_url', 'calendar_days']) AS key
     WHERE before -> key IS DISTINCT FROM after -> key;
    IF changed IS NOT NULL THEN
        INSERT INTO audit_log (actor_id, actor_name, source, subject, subject_id, action, changes)
        VALUES (actor, coalesce((SELECT username FROM user_account WHERE id = actor), ''),
                current_setting('application_name'), 'timetable', coalesce(after, before) ->> 'id',
                CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'change' ELSE 'delete' END, changed);
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION audit_timetable FROM PUBLIC;
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF weekly, exceptions, region, calendar_url, calendar_days ON timetable
    FOR EACH ROW EXECUTE FUNCTION audit_timetable();

-- occupied_day has the days of which something is known. It is what verdicts are made of: it
-- stays as it was decided until somebody wants the past decided anew.
CREATE TABLE occupied_day (
    room_id    bigint        NOT NULL REFERENCES room (id) ON DELETE CASCADE,
    -- By the clocks of the site.
    day        date          NOT NULL,
    how        text          NOT NULL,
    name       text          NOT NULL,
    -- The spans that begin on the day: ascending, without overlap, without their ends.
    begins     timestamptz[] NOT NULL,
    ends       timestamptz[] NOT NULL,
    decided_at timestamptz   NOT NULL,
    CONSTRAINT occupied_day_pkey PRIMARY KEY (room_id, day),
    CONSTRAINT occupied_day_how CHECK (how IN ('timetable', 'exception', 'holiday', 'inferred')),
    CONSTRAINT occupied_day_spans CHECK (cardinality(begins) = cardinality(ends) AND cardinality(begins) <= 200),
    CONSTRAINT occupied_day_holiday CHECK (how <> 'holiday' OR cardinality(begins) = 0)
);

-- occupancy_progress says until which day the days of a room are decided, and from which on
-- they are to be decided anew.
CREATE TABLE occupancy_progress (
    room_id        bigint NOT NULL REFERENCES room (id) ON DELETE CASCADE,
    decided_until  date,
    recompute_from date,
    -- When that was last wanted: the answer to an older wish does not end it.
    wanted_at      timestamptz,
    CONSTRAINT occupancy_progress_pkey PRIMARY KEY (room_id)
);

-- +goose Down
DROP TABLE occupancy_progress;
DROP TABLE occupied_day;
DROP TABLE timetable;
DROP FUNCTION audit_timetable;
