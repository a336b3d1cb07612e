-- +goose Up
ALTER TABLE peers ADD COLUMN kind TEXT NOT NULL DEFAULT '';      -- '': DIMSE; stow | fhir | hl7
ALTER TABLE peers ADD COLUMN url TEXT NOT NULL DEFAULT '';
ALTER TABLE peers ADD COLUMN token TEXT NOT NULL DEFAULT '';     -- bearer token sent with requests
ALTER TABLE deliveries ADD COLUMN optional INTEGER NOT NULL DEFAULT 0; -- its refusal does not make the report undelivered
CREATE INDEX deliveries_peer ON deliveries (peer, state);

-- Destinations that did not answer, see workflow.
CREATE TABLE breakers (
  peer TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,            -- in a row
  since BIGINT NOT NULL,               -- of the first
  next_attempt BIGINT NOT NULL,        -- nothing is sent before
  probing INTEGER NOT NULL,            -- one delivery finds out whether it answers, until next_attempt
  reason TEXT NOT NULL
);

-- What destinations were found to take or refuse.
CREATE TABLE peer_classes (
  peer TEXT NOT NULL,
  class_uid TEXT NOT NULL,
  taken INTEGER NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (peer, class_uid)
);
