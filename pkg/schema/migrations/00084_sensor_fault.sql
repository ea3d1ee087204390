-- +goose Up
-- A node can report and yet measure nothing: the check of all nodes finds that, too.
ALTER TABLE node_fidelity
    -- implausible: its newest sample has CO2 that no air has; frozen: the same CO2 for days.
    -- NULL: nothing is known against it. Since when goes with it.
    ADD COLUMN fault       text,
    ADD COLUMN fault_since timestamptz,
    ADD CONSTRAINT node_fidelity_fault_known CHECK (fault IN ('implausible', 'frozen')),
    ADD CONSTRAINT node_fidelity_fault_has_begin CHECK ((fault IS NULL) = (fault_since IS NULL));
ALTER TABLE fidelity_check ADD COLUMN faulty integer NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE fidelity_check DROP COLUMN faulty;
ALTER TABLE node_fidelity DROP COLUMN fault, DROP COLUMN fault_since;
