-- +goose Up
-- A rejected sample may be judged again: when its time has come, or a rule was wrong. Then
-- it needs its status.
ALTER TABLE rejected_sample ADD COLUMN status "char" NOT NULL DEFAULT 'M';

-- +goose Down
ALTER TABLE rejected_sample DROP COLUMN status;
