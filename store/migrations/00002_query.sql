-- +goose Up
CREATE INDEX studies_name ON studies (LOWER(patient_name));
CREATE INDEX studies_accession ON studies (accession_number);
