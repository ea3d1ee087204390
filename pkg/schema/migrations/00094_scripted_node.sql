-- +goose Up
-- Nodes for which tokens of their own organization were used, and nothing else. What those send
-- proves nothing of the device: whoever registers a number can send something for it. No foreign
-- key: a node that is deleted at that very moment is no reason to refuse the others of a request.
CREATE TABLE scripted_node (
    node_no  integer PRIMARY KEY,
    since    timestamptz NOT NULL DEFAULT now()
);

-- It runs as the owner: whoever deletes a sensor need not know of this table, as yesterday's
-- programs under yesterday's grants do not.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION node_leaves_device() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM scripted_node WHERE node_no = OLD.no;
    IF NOT FOUND AND (EXISTS (SELECT FROM node_status WHERE node_no = OLD.no) OR EXISTS (SELECT FROM sample WHERE node_no = OLD.no)) THEN
        INSERT INTO heard_device (eui64, seen_at, owner_id) VALUES (OLD.eui64, now(), OLD.owner_id)
            ON CONFLICT (eui64) DO UPDATE SET seen_at = excluded.seen_at, owner_id = excluded.owner_id;
    ELSE
        UPDATE heard_device SET owner_id = OLD.owner_id WHERE eui64 = OLD.eui64;
    END IF;
    RETURN OLD;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION node_leaves_device FROM PUBLIC;

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION node_leaves_device() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM node_status WHERE node_no = OLD.no) OR EXISTS (SELECT FROM sample WHERE node_no = OLD.no) THEN
        INSERT INTO heard_device (eui64, seen_at, owner_id) VALUES (OLD.eui64, now(), OLD.owner_id)
            ON CONFLICT (eui64) DO UPDATE SET seen_at = excluded.seen_at, owner_id = excluded.owner_id;
    ELSE
        UPDATE heard_device SET owner_id = OLD.owner_id WHERE eui64 = OLD.eui64;
    END IF;
    RETURN OLD;
END
$$;
-- +goose StatementEnd
DROP TABLE scripted_node;
