-- +goose Up
-- Organizations may have air files made by themselves, of each room when a month is over.
ALTER TABLE organization ADD COLUMN monthly_air_files boolean NOT NULL DEFAULT false;

-- air_file_month says how far the worker came with a month of a room, so that it does not make
-- its file anew each hour, nor one that an owner has deleted. What it forgets is done again,
-- and harms nothing: a file of the same content is the same file.
CREATE TABLE air_file_month (
    room_id  bigint      NOT NULL,
    month    date        NOT NULL, -- its first day
    -- How often its file was made: 1 when the month is over, 2 once more for late samples.
    looks    integer     NOT NULL,
    tried_at timestamptz NOT NULL,
    CONSTRAINT air_file_month_pkey PRIMARY KEY (room_id, month),
    CONSTRAINT air_file_month_room_id_fkey FOREIGN KEY (room_id) REFERENCES room (id) ON DELETE CASCADE,
    CONSTRAINT air_file_month_begins CHECK (extract(day FROM month) = 1),
    CONSTRAINT air_file_month_looks CHECK (looks BETWEEN 0 AND 2)
);

-- +goose Down
DROP TABLE air_file_month;
ALTER TABLE organization DROP COLUMN monthly_air_files;
