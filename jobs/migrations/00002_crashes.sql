-- +goose Up
-- How often the node ended during an attempt, since one came to its end.
ALTER TABLE jobs ADD COLUMN crashes BIGINT NOT NULL DEFAULT 0;
