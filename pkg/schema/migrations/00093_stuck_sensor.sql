-- +goose Up
-- stuck_sensor has the times in which a sensor told one and the same CO2 for longer than
-- any air stands still, as the check of all nodes found out (package fidelity says when).
-- Its samples of that value are marked E: they are kept, and say nothing of the air.
CREATE TABLE stuck_sensor (
    node_no     integer     NOT NULL REFERENCES node (no) ON DELETE CASCADE,
    since       timestamptz NOT NULL,
    co2_ppm     smallint    NOT NULL,
    -- The check that found it, and the one that found another value; NULL while it lasts.
    found_at    timestamptz NOT NULL,
    released_at timestamptz,
    CONSTRAINT stuck_sensor_pkey PRIMARY KEY (node_no, since)
);
CREATE UNIQUE INDEX stuck_sensor_lasting ON stuck_sensor (node_no) WHERE released_at IS NULL;

-- +goose Down
-- A sample that its sensor had called repeated is now one that it measured.
UPDATE sample s
   SET status = 'M'
  FROM stuck_sensor x
 WHERE s.node_no = x.node_no AND s.time >= x.since AND s.time <= coalesce(x.released_at, 'infinity')
   AND s.co2_ppm = x.co2_ppm AND s.status = 'E';
UPDATE node_status s
   SET last_status = 'M'
  FROM stuck_sensor x
 WHERE s.node_no = x.node_no AND x.released_at IS NULL AND s.last_co2_ppm = x.co2_ppm AND s.last_status = 'E';
INSERT INTO sample_late (node_no, hour)
SELECT DISTINCT s.node_no, date_trunc('hour', s.time, 'UTC')
  FROM sample s JOIN stuck_sensor x ON s.node_no = x.node_no AND s.time >= x.since AND s.co2_ppm = x.co2_ppm
 WHERE s.time < (SELECT late_before FROM sample_rollup_state);
DROP TABLE stuck_sensor;
