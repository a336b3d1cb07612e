-- +goose Up
ALTER TABLE peers ADD COLUMN tls INTEGER NOT NULL DEFAULT 0;

-- Requests for storage commitment whose report has not been delivered
-- (PS3.4 Annex J).
CREATE TABLE commitments (
  transaction_uid TEXT PRIMARY KEY,
  ae_title TEXT NOT NULL,              -- who asked
  refs TEXT NOT NULL,                  -- JSON list of [class, instance]
  attempts BIGINT NOT NULL,
  next_attempt BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX commitments_next ON commitments (next_attempt);

-- Modality performed procedure steps (PS3.4 Annex F).
CREATE TABLE performed_steps (
  sop_uid TEXT PRIMARY KEY,
  ae_title TEXT NOT NULL,
  status TEXT NOT NULL,                -- IN PROGRESS | COMPLETED | DISCONTINUED
  study_uids TEXT NOT NULL,            -- JSON list
  instances TEXT NOT NULL,             -- JSON list of the SOP Instance UIDs it performed
  attributes BLOB NOT NULL,            -- the data set, explicit VR little endian
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE TABLE performed_step_studies (
  study_uid TEXT NOT NULL,
  step_uid TEXT NOT NULL REFERENCES performed_steps (sop_uid) DEFERRABLE INITIALLY DEFERRED,
  PRIMARY KEY (study_uid, step_uid)
);
