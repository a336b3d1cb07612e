-- +goose Up
ALTER TABLE peers ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';      -- JSON: limits and rules of the peer
ALTER TABLE peers ADD COLUMN passcode TEXT NOT NULL DEFAULT '';     -- argon2id of its user identity's passcode

-- What peers answered when a SOP class was proposed in a transfer syntax.
CREATE TABLE peer_abilities (
  peer TEXT NOT NULL,
  class_uid TEXT NOT NULL,
  syntax_uid TEXT NOT NULL,
  accepted BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (peer, class_uid, syntax_uid)
);

-- Scheduled procedure steps: what the modality worklist answers (PS3.4 Annex K).
CREATE TABLE scheduled_steps (
  study_uid TEXT NOT NULL,
  step_id TEXT NOT NULL,
  state TEXT NOT NULL,                 -- SCHEDULED | STARTED | COMPLETED | DISCONTINUED
  patient_id TEXT NOT NULL,
  accession_number TEXT NOT NULL,
  start_date TEXT NOT NULL,            -- YYYYMMDD, '' if not said
  station TEXT NOT NULL,               -- station AE titles with backslashes
  modality TEXT NOT NULL,
  attributes BLOB NOT NULL,            -- the data set, explicit VR little endian
  source TEXT NOT NULL,                -- who scheduled it
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (study_uid, step_id)
);
CREATE INDEX scheduled_steps_date ON scheduled_steps (start_date);
CREATE INDEX scheduled_steps_patient ON scheduled_steps (patient_id);

-- What speaks for and against a study being whole, JSON; '' while nothing was weighed.
ALTER TABLE studies ADD COLUMN completeness TEXT NOT NULL DEFAULT '';
