-- +goose Up
CREATE TABLE studies (
  study_uid TEXT PRIMARY KEY,
  patient_name TEXT NOT NULL,
  patient_id TEXT NOT NULL,
  patient_birth_date TEXT NOT NULL,
  patient_sex TEXT NOT NULL,
  patient_age TEXT NOT NULL,
  study_date TEXT NOT NULL,
  study_time TEXT NOT NULL,
  study_id TEXT NOT NULL,
  accession_number TEXT NOT NULL,
  description TEXT NOT NULL,
  referring_physician TEXT NOT NULL,
  modalities TEXT NOT NULL,            -- ' CR DX ': blank-separated, with blanks around
  search TEXT NOT NULL,                -- lower-case name, identifiers and UID
  series_count BIGINT NOT NULL,
  instance_count BIGINT NOT NULL,
  state TEXT NOT NULL,
  state_reason TEXT NOT NULL,
  urgency BIGINT NOT NULL,
  findings TEXT NOT NULL,              -- JSON list of text
  source TEXT NOT NULL,
  reader TEXT NOT NULL,
  delivery_state TEXT NOT NULL,
  first_received_at BIGINT NOT NULL,
  last_received_at BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX studies_patient ON studies (patient_id);
CREATE INDEX studies_date ON studies (study_date);

CREATE TABLE study_warnings (
  study_uid TEXT NOT NULL REFERENCES studies (study_uid) DEFERRABLE INITIALLY DEFERRED,
  warning TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (study_uid, warning)
);

CREATE TABLE series (
  study_uid TEXT NOT NULL REFERENCES studies (study_uid) DEFERRABLE INITIALLY DEFERRED,
  series_uid TEXT NOT NULL,
  modality TEXT NOT NULL,
  number BIGINT NOT NULL,
  description TEXT NOT NULL,
  body_part TEXT NOT NULL,
  PRIMARY KEY (study_uid, series_uid)
);
CREATE INDEX series_uid ON series (series_uid);

CREATE TABLE instances (
  sop_uid TEXT PRIMARY KEY,
  class_uid TEXT NOT NULL,
  study_uid TEXT REFERENCES studies (study_uid) DEFERRABLE INITIALLY DEFERRED, -- NULL: belongs to no patient
  series_uid TEXT NOT NULL,
  syntax_uid TEXT NOT NULL,
  number BIGINT NOT NULL,
  pixel_rows BIGINT NOT NULL,
  pixel_columns BIGINT NOT NULL,
  frames BIGINT NOT NULL,
  size BIGINT NOT NULL,                -- bytes of the file
  digest TEXT NOT NULL,                -- of the data set as received
  source TEXT NOT NULL,
  remote TEXT NOT NULL,
  origin TEXT NOT NULL,                -- received | authored
  status TEXT NOT NULL,                -- received | analysed | not_analysed | authored
  reason TEXT NOT NULL,
  file TEXT NOT NULL,                  -- relative to the instance folder
  received_at BIGINT NOT NULL
);
CREATE INDEX instances_place ON instances (study_uid, series_uid);

-- Other bytes under a SOP Instance UID that is already taken: kept apart,
-- never served as the instance (PS3.4 B.2.3 leaves the policy to the SCP).
CREATE TABLE variants (
  id TEXT PRIMARY KEY,
  sop_uid TEXT NOT NULL,
  study_uid TEXT NOT NULL,
  class_uid TEXT NOT NULL,
  syntax_uid TEXT NOT NULL,
  size BIGINT NOT NULL,
  digest TEXT NOT NULL,
  source TEXT NOT NULL,
  remote TEXT NOT NULL,
  file TEXT NOT NULL,
  received_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX variants_content ON variants (sop_uid, digest, syntax_uid);

CREATE TABLE results (
  id TEXT PRIMARY KEY,
  study_uid TEXT NOT NULL REFERENCES studies (study_uid) DEFERRABLE INITIALLY DEFERRED,
  sop_uid TEXT NOT NULL,
  run TEXT NOT NULL,                   -- the analysis run; names the folder of its stage pictures
  folder TEXT NOT NULL,                -- stage pictures, relative to the stage folder
  model_id TEXT NOT NULL,
  model_version TEXT NOT NULL,
  model_digest TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  analysis TEXT NOT NULL,              -- JSON of radnode.Analysis
  created_at BIGINT NOT NULL
);
CREATE INDEX results_study ON results (study_uid);
CREATE INDEX results_run ON results (run);

CREATE TABLE reports (
  id TEXT PRIMARY KEY,
  study_uid TEXT NOT NULL REFERENCES studies (study_uid) DEFERRABLE INITIALLY DEFERRED,
  state TEXT NOT NULL,
  version BIGINT NOT NULL,
  sop_uid TEXT NOT NULL,               -- of the signed document; fixed when the draft is made
  draft_uid TEXT NOT NULL,             -- of the newest unverified document
  series_uid TEXT NOT NULL,            -- of the documents of this study
  predecessor TEXT NOT NULL,           -- report that this one amends
  not_analysed TEXT NOT NULL,          -- JSON list of text
  impression TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  signed_at BIGINT NOT NULL,           -- 0: not signed
  signed_by TEXT NOT NULL
);
CREATE INDEX reports_study ON reports (study_uid);
CREATE UNIQUE INDEX reports_sop ON reports (sop_uid);

CREATE TABLE report_findings (
  id TEXT PRIMARY KEY,
  report_id TEXT NOT NULL REFERENCES reports (id) DEFERRABLE INITIALLY DEFERRED,
  ordinal BIGINT NOT NULL,
  result_id TEXT NOT NULL REFERENCES results (id) DEFERRABLE INITIALLY DEFERRED,
  sop_uid TEXT NOT NULL,
  frame BIGINT NOT NULL,
  model TEXT NOT NULL,                 -- JSON of radnode.ModelRef
  finding TEXT NOT NULL,               -- JSON of radnode.Finding
  decision TEXT NOT NULL,
  reason TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at BIGINT NOT NULL           -- 0: undecided
);
CREATE INDEX report_findings_report ON report_findings (report_id, ordinal);

CREATE TABLE deliveries (
  id TEXT PRIMARY KEY,
  report_id TEXT NOT NULL REFERENCES reports (id) DEFERRABLE INITIALLY DEFERRED,
  study_uid TEXT NOT NULL,
  peer TEXT NOT NULL,
  kind TEXT NOT NULL,                  -- sr | seg | sc | pdf
  sop_uid TEXT NOT NULL,
  state TEXT NOT NULL,
  proof TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  error TEXT NOT NULL,
  next_attempt BIGINT NOT NULL,        -- 0: none planned
  started_at BIGINT NOT NULL,          -- begin of the present series of attempts
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX deliveries_once ON deliveries (sop_uid, peer);
CREATE INDEX deliveries_report ON deliveries (report_id);
CREATE INDEX deliveries_study ON deliveries (study_uid, peer);
CREATE INDEX deliveries_state ON deliveries (state);

CREATE TABLE peers (
  name TEXT PRIMARY KEY,
  ae_title TEXT NOT NULL,
  host TEXT NOT NULL,
  port BIGINT NOT NULL,
  allow TEXT NOT NULL,                 -- JSON list of text
  deliver TEXT NOT NULL,               -- JSON list of text
  source TEXT NOT NULL
);

CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);
