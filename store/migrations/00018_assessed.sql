-- +goose Up
-- Whether a model looked for findings of the patient: one that tells of the
-- film's quality alone says nothing of them.
ALTER TABLE studies ADD COLUMN assessed INTEGER NOT NULL DEFAULT 0;
UPDATE studies SET assessed = 1 WHERE EXISTS (SELECT 1 FROM reports r JOIN report_findings f ON f.report_id = r.id
  WHERE r.study_uid = studies.study_uid AND f.result_id IS NOT NULL AND f.finding LIKE '%"code":{%');
