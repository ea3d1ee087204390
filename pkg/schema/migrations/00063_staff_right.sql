-- +goose Up
-- What staff who are no superusers may see and change in the admin pages: one row
-- for each subject (the name of a table).
CREATE TABLE staff_right (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    subject text   NOT NULL,
    CONSTRAINT staff_right_unique UNIQUE (user_id, subject),
    CONSTRAINT staff_right_subject CHECK (subject IN (
        'organization', 'membership', 'address', 'site', 'room', 'quantity', 'node_protocol', 'node_model', 'node',
        'installation', 'parked_sample', 'rejected_sample', 'undecoded_uplink', 'audit_log'))
);
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON staff_right FOR EACH ROW EXECUTE FUNCTION audit_change();

-- +goose Down
DROP TABLE staff_right;
