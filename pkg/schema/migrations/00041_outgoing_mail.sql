-- +goose Up
-- Mails that wait for their delivery. They hold links that let whoever has them into an
-- account, so they are here and not in the queue, whose tasks name the row only.
CREATE TABLE outgoing_mail (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id text        NOT NULL,
    recipient  text        NOT NULL,
    subject    text        NOT NULL,
    text       text        NOT NULL,
    html       text        NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outgoing_mail_written_at ON outgoing_mail (written_at);

-- +goose Down
DROP TABLE outgoing_mail;
