-- +goose Up
-- Mails of an installation without a mail server: administrators read them here.
CREATE TABLE kept_mail (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient text        NOT NULL,
    subject   text        NOT NULL,
    text      text        NOT NULL,
    html      text        NOT NULL,
    kept_at   timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE kept_mail;
