-- +goose Up
-- Does a node report as it should? What the periodic check found, and when nodes
-- were silent.

-- How often the node is expected to report; NULL is the default (an hour). A node is
-- missing after two such intervals, dead after four.
ALTER TABLE node
    ADD COLUMN expected_interval_s integer,
    ADD CONSTRAINT node_expected_interval_range CHECK (expected_interval_s BETWEEN 60 AND 604800);

CREATE TABLE node_fidelity (
    node_no  integer PRIMARY KEY REFERENCES node (no) ON DELETE CASCADE,
    -- U never reported, E alive, M missing, D dead: the letters of the HTTP API.
    fidelity "char"      NOT NULL,
    -- The check that found this first.
    since    timestamptz NOT NULL,
    CONSTRAINT node_fidelity_known CHECK (fidelity IN ('U', 'E', 'M', 'D'))
);

-- node_outage has the times in which a node that reported before was missing.
CREATE TABLE node_outage (
    node_no    integer     NOT NULL REFERENCES node (no) ON DELETE CASCADE,
    -- The last contact before the silence.
    from_time  timestamptz NOT NULL,
    -- The check that found the node missing, and the one that found it dead.
    noticed_at timestamptz NOT NULL,
    dead_at    timestamptz,
    -- A contact after the silence; NULL while it lasts.
    to_time    timestamptz,
    CONSTRAINT node_outage_pkey PRIMARY KEY (node_no, from_time),
    CONSTRAINT node_outage_ends_after_start CHECK (to_time > from_time)
);
CREATE INDEX node_outage_open ON node_outage (node_no) WHERE to_time IS NULL;

-- fidelity_check has one row: the latest check and what it counted.
CREATE TABLE fidelity_check (
    only_row   boolean PRIMARY KEY DEFAULT true,
    -- NULL: there was none yet.
    checked_at timestamptz,
    unknown    integer NOT NULL DEFAULT 0,
    alive      integer NOT NULL DEFAULT 0,
    missing    integer NOT NULL DEFAULT 0,
    dead       integer NOT NULL DEFAULT 0,
    CONSTRAINT fidelity_check_one_row CHECK (only_row)
);
INSERT INTO fidelity_check DEFAULT VALUES;

-- +goose Down
DROP TABLE fidelity_check, node_outage, node_fidelity;
ALTER TABLE node DROP COLUMN expected_interval_s;
