-- +goose Up
-- What is known of nodes beside their samples: what they last told, and whether they
-- report as they should.

-- node_status is what a node last told, written by ingestair every few seconds. The
-- newest sample's values stand beside its time, so that lists of nodes need no look
-- into the samples.
CREATE TABLE node_status (
    node_no                      integer PRIMARY KEY REFERENCES node (no) ON DELETE CASCADE,
    -- When we last heard of the node, by the network server's clock.
    last_contact_at              timestamptz,
    -- Time of its newest sample.
    last_sample_at               timestamptz,
    rssi_dbm                     smallint,
    snr_db                       real,
    data_rate_index              smallint,
    battery_percent              smallint,
    battery_millivolts           integer,
    f_cnt                        bigint,
    last_co2_ppm                 smallint,
    last_temperature_decicelsius smallint,
    last_rel_humidity_percent    smallint,
    last_status                  "char",
    CONSTRAINT node_status_data_rate_index_range CHECK (data_rate_index BETWEEN 0 AND 15),
    CONSTRAINT node_status_battery_percent_range CHECK (battery_percent BETWEEN 0 AND 100)
);

-- node_status_journal takes what the uplinks of one transaction tell of their
-- nodes, packed into a few rows and committed together with their samples. Every few
-- seconds it is emptied into node_status. Writing node_status itself for each
-- uplink would cost a third of the ingestion rate; keeping it in memory only would
-- forget it in a crash. The format belongs to the ingestair.
CREATE TABLE node_status_journal (
    entries bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- Packed already; compressing costs more than it saves.
ALTER TABLE node_status_journal ALTER COLUMN entries SET STORAGE EXTERNAL;

-- node_fidelity is what the periodic check found.
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
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    node_no    integer     NOT NULL REFERENCES node (no) ON DELETE CASCADE,
    -- The last contact before the silence.
    from_time  timestamptz NOT NULL,
    -- The check that found the node missing, and the one that found it dead.
    noticed_at timestamptz NOT NULL,
    dead_at    timestamptz,
    -- A contact after the silence; NULL while it lasts.
    to_time    timestamptz,
    CONSTRAINT node_outage_pkey PRIMARY KEY (node_no, from_time),
    CONSTRAINT node_outage_id_unique UNIQUE (id),
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
DROP TABLE fidelity_check, node_outage, node_fidelity, node_status_journal, node_status;
