-- +goose Up
-- What a peer was found to take or refuse of a SOP class, in whatever transfer
-- syntax it was sent, is an ability with an empty syntax_uid.
INSERT INTO peer_abilities (peer, class_uid, syntax_uid, accepted, at) SELECT peer, class_uid, '', taken, at FROM peer_classes;
DROP TABLE peer_classes;
