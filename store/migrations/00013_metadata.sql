-- +goose Up
-- What the instances of a series say of themselves, made once the study is
-- quiet. The stamp names the files it was made from: other files, other stamp.
CREATE TABLE series_metadata (
  study_uid TEXT NOT NULL,
  series_uid TEXT NOT NULL,
  stamp TEXT NOT NULL,
  body BLOB NOT NULL,                  -- deflated
  PRIMARY KEY (study_uid, series_uid)
);

-- Files of deleted studies that are still to be removed.
CREATE TABLE removals (
  file TEXT PRIMARY KEY                -- relative to the instance folder
);
