-- +goose Up
-- Unified procedure steps (PS3.4 Annex CC).
CREATE TABLE workitems (
  uid TEXT PRIMARY KEY,
  state TEXT NOT NULL,                 -- SCHEDULED | IN PROGRESS | COMPLETED | CANCELED
  transaction_uid TEXT NOT NULL,       -- of the performer; '' until it is claimed
  creator TEXT NOT NULL,               -- account that handed it in
  performer TEXT NOT NULL,             -- account that claimed it; '' until then
  attributes BLOB NOT NULL,            -- the data set, explicit VR little endian
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX workitems_state ON workitems (state, created_at);

-- The studies that a workitem names as its input.
CREATE TABLE workitem_studies (
  study_uid TEXT NOT NULL,
  uid TEXT NOT NULL REFERENCES workitems (uid) DEFERRABLE INITIALLY DEFERRED,
  PRIMARY KEY (study_uid, uid)
);

-- The objects that this node made for a workitem: who asked for them may have
-- them before a reader has signed.
CREATE TABLE workitem_outputs (
  sop_uid TEXT NOT NULL,
  uid TEXT NOT NULL REFERENCES workitems (uid) DEFERRABLE INITIALLY DEFERRED,
  PRIMARY KEY (sop_uid, uid)
);

CREATE TABLE workitem_subscriptions (
  uid TEXT NOT NULL REFERENCES workitems (uid) DEFERRABLE INITIALLY DEFERRED,
  ae_title TEXT NOT NULL,
  locked INTEGER NOT NULL,             -- deletion lock
  PRIMARY KEY (uid, ae_title)
);

-- Who is told of workitems, and of all workitems that are to come.
CREATE TABLE workitem_subscribers (
  ae_title TEXT PRIMARY KEY,
  account TEXT NOT NULL,               -- the only one that may listen
  scope TEXT NOT NULL,                 -- none | all | filtered
  filter BLOB NOT NULL,                -- data set of keys, explicit VR little endian
  locked INTEGER NOT NULL,
  suspended INTEGER NOT NULL,
  created_at BIGINT NOT NULL
);
