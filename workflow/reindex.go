package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

// Reindex writes the row of a file of the store that has none, as if it had
// just been sent. A file in quarantine is taken in anew and removed there. The
// folder must be this process's alone.
func (w *Workflow) Reindex(ctx context.Context, path string) (radnode.UID, error) {
	const op = "reindex"
	file, err := dicom.ReadFile(path, headerLimits)
	if err != nil {
		return "", err
	}
	rec := store.RecordOf(file.Dataset)
	f, err := os.Open(path)
	if err != nil {
		return rec.SOPInstanceUID, radnode.Errorf(radnode.NotFound, op, "the file is gone: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return rec.SOPInstanceUID, radnode.Errorf(radnode.Unavailable, op, "the file cannot be read: %w", err)
	}
	data := io.NewSectionReader(f, file.DatasetOffset, info.Size()-file.DatasetOffset)
	name, inside := w.store.Rel(path)
	if !inside {
		err := w.Ingest(ctx, Source{Name: op, Remote: "local"}, file.TransferSyntax, rec.SOPClassUID, rec.SOPInstanceUID, data)
		if err == nil {
			err = os.Remove(path)
		}
		return rec.SOPInstanceUID, err
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, data); err != nil {
		return rec.SOPInstanceUID, radnode.Errorf(radnode.Unavailable, op, "the file cannot be read: %w", err)
	}
	rec.TransferSyntaxUID, rec.Source, rec.Remote, rec.Origin, rec.ReceivedAt = file.TransferSyntax, op, "local", store.Received, info.ModTime().UTC()
	rec.Size, rec.Digest, rec.File = info.Size(), "sha256:"+hex.EncodeToString(digest.Sum(nil)), name
	rec.Remark = remark(file.Dataset, &rec)
	if err := agree(&rec, rec.SOPClassUID, rec.SOPInstanceUID); err != nil {
		return rec.SOPInstanceUID, err
	}
	w.classify(&rec)
	if file.Dataset.Text(dicom.Manufacturer) == report.Manufacturer {
		rec.Status, rec.Reason = store.NotAnalysed, "made by this node before its index was made anew"
	}
	outcome, err := w.reindexed(ctx, &rec)
	if err == nil && outcome == store.Duplicate {
		err = os.Remove(path) // the same bytes are there under another name
	}
	return rec.SOPInstanceUID, err
}

// reindexed writes the row of a file that is durable.
func (w *Workflow) reindexed(ctx context.Context, rec *store.Record) (store.Outcome, error) {
	var outcome store.Outcome
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var err error
		outcome, err = w.enter(ctx, tx, rec, w.Now())
		return err
	})
	return outcome, err
}
