-- +goose Up
-- How often a destination answered success and did not have the object, since the delivery was ordered or retried.
ALTER TABLE deliveries ADD COLUMN losses BIGINT NOT NULL DEFAULT 0;
