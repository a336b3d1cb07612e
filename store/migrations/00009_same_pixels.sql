-- +goose Up
ALTER TABLE results ADD COLUMN input_digest TEXT NOT NULL DEFAULT '';  -- of the decoded stored values; '' where nothing was decoded
CREATE INDEX results_input ON results (input_digest) WHERE input_digest <> '';
