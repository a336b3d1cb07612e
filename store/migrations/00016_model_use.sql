-- +goose Up
CREATE INDEX results_model ON results (model_id, model_version, created_at);
CREATE INDEX reports_signed ON reports (signed_at) WHERE state = 'signed';
