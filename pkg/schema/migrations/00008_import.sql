-- +goose Up
-- Which ranges of the predecessor's sample table have been copied, so that an
-- import that was interrupted goes on where it stopped.
CREATE TABLE import_chunk (
    source      text        NOT NULL,
    low         bigint      NOT NULL,
    high        bigint      NOT NULL,
    read        bigint      NOT NULL,
    stored      bigint      NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT import_chunk_pkey PRIMARY KEY (source, low)
);

-- +goose Down
DROP TABLE import_chunk;
