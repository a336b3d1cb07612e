-- +goose Up
ALTER TABLE reports ADD COLUMN findings_text TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN addenda TEXT NOT NULL DEFAULT '[]';      -- JSON list of radnode.Addendum
ALTER TABLE reports ADD COLUMN signer TEXT NOT NULL DEFAULT '';         -- account of signed_by
ALTER TABLE reports ADD COLUMN second_signed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN second_signed_by TEXT NOT NULL DEFAULT '';

-- A finding that a reader added has no result.
CREATE TABLE report_findings_new (
  id TEXT PRIMARY KEY,
  report_id TEXT NOT NULL REFERENCES reports (id) DEFERRABLE INITIALLY DEFERRED,
  ordinal BIGINT NOT NULL,
  result_id TEXT REFERENCES results (id) DEFERRABLE INITIALLY DEFERRED,
  sop_uid TEXT NOT NULL,
  frame BIGINT NOT NULL,
  model TEXT NOT NULL,                 -- JSON of radnode.ModelRef
  finding TEXT NOT NULL,               -- JSON of radnode.Finding
  decision TEXT NOT NULL,
  reason TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at BIGINT NOT NULL,          -- 0: undecided
  reading TEXT NOT NULL                -- JSON of radnode.Reading; '': none
);
INSERT INTO report_findings_new SELECT id, report_id, ordinal, result_id, sop_uid, frame, model, finding, decision, reason, decided_by,
  decided_at, '' FROM report_findings;
DROP TABLE report_findings;
ALTER TABLE report_findings_new RENAME TO report_findings;
CREATE INDEX report_findings_report ON report_findings (report_id, ordinal);

-- Delivered is what was proved; an answer to C-STORE alone is no proof.
UPDATE deliveries SET state = 'unprovable' WHERE state = 'sent' AND proof <> '' OR state = 'delivered' AND proof LIKE 'its C-STORE response alone%';
UPDATE studies SET state = 'signed', delivery_state = 'unprovable' WHERE state = 'delivered' AND EXISTS
  (SELECT 1 FROM deliveries d WHERE d.study_uid = studies.study_uid AND d.state = 'unprovable');
ALTER TABLE deliveries ADD COLUMN note TEXT NOT NULL DEFAULT '';
