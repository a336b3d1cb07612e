-- +goose Up
CREATE TABLE jobs (
  kind TEXT NOT NULL,
  job_key TEXT NOT NULL,
  state TEXT NOT NULL,                 -- queued | running
  run_at BIGINT NOT NULL,              -- microseconds since 1970 UTC
  generation BIGINT NOT NULL,          -- counts how often the job was asked for
  attempts BIGINT NOT NULL,            -- failed since it was last asked for
  error TEXT NOT NULL,                 -- of the last attempt
  owner TEXT NOT NULL,                 -- who runs it
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (kind, job_key)
);
CREATE INDEX jobs_due ON jobs (kind, state, run_at);
