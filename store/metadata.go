package store

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"

	"github.com/radnode/radnode"
)

// maxMetadata bounds the metadata kept of one series.
const maxMetadata = 256 << 20

// MetadataStamp names the files that metadata were made from, in their order.
// Files never change, so equal stamps mean equal metadata.
func MetadataStamp(objects []StoredObject) string {
	h := sha256.New()
	for _, o := range objects {
		h.Write([]byte(o.Path + "\n")) //nolint:errcheck // never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

// SetSeriesMetadata keeps the metadata of a series.
func (t *Tx) SetSeriesMetadata(ctx context.Context, study, series radnode.UID, stamp string, text []byte) error {
	const op = "keep metadata"
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return databaseError(op, err)
	}
	if _, err = w.Write(text); err == nil {
		err = w.Close()
	}
	if err != nil {
		return databaseError(op, err)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO series_metadata (study_uid, series_uid, stamp, body) VALUES ($1, $2, $3, $4)
  ON CONFLICT (study_uid, series_uid) DO UPDATE SET stamp = excluded.stamp, body = excluded.body`, string(study), string(series), stamp, b.Bytes())
	return databaseError(op, err)
}

// MetadataStampOf is the stamp of what is kept of a series; "": nothing is.
func (s *Store) MetadataStampOf(ctx context.Context, study, series radnode.UID) (stamp string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT stamp FROM series_metadata WHERE study_uid = $1 AND series_uid = $2`, string(study), string(series)).Scan(&stamp)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return stamp, databaseError("read metadata", err)
}

// SeriesMetadata finds the metadata of a series that were made from the files
// of a stamp; nil: there are none.
func (s *Store) SeriesMetadata(ctx context.Context, study, series radnode.UID, stamp string) ([]byte, error) {
	const op = "read metadata"
	var body []byte
	err := s.read.QueryRowContext(ctx, `SELECT body FROM series_metadata WHERE study_uid = $1 AND series_uid = $2 AND stamp = $3`,
		string(study), string(series), stamp).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, databaseError(op, err)
	}
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body)), maxMetadata+1))
	if err == nil && len(text) > maxMetadata {
		err = radnode.Errorf(radnode.TooLarge, op, "the metadata of a series are longer than %d bytes", maxMetadata)
	}
	return text, databaseError(op, err)
}
