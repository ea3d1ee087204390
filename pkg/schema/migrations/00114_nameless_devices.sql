-- +goose Up
-- Of a device without an EUI few uplinks are kept undecoded: no codec makes them samples of a
-- node, and it would cost a row with each. Here those that there are already are counted.
CREATE INDEX undecoded_uplink_nameless ON undecoded_uplink (device_id) WHERE dev_eui IS NULL;

-- +goose Down
DROP INDEX undecoded_uplink_nameless;
