package workflow

import (
	"bytes"
	"context"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

const (
	// ManyInstances is from how many instances of a series on its metadata are
	// kept; fewer are read when they are asked for.
	ManyInstances = 8
	// maxMetadata bounds what is kept of a series.
	maxMetadata = 128 << 20
)

// describe is the handler of metadata jobs: it keeps what the instances of each
// long series of a study say of themselves, so that a viewer need not wait for
// thousands of files to be read.
func (w *Workflow) describe(ctx context.Context, job jobs.Job) error {
	study := radnode.UID(job.Key)
	identifier := dicom.NewDataset()
	identifier.SetUID(dicom.StudyInstanceUID, study)
	identifier.SetText(dicom.QueryRetrieveLevel, "STUDY")
	all, err := w.store.Objects(ctx, identifier, store.QueryOptions{PatientRoot: true, Relational: true}, 1<<20)
	if err != nil {
		return err
	}
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].SeriesInstanceUID == all[0].SeriesInstanceUID {
			n++
		}
		if n >= ManyInstances {
			if err := w.describeSeries(ctx, study, all[:n]); err != nil {
				return err
			}
		}
		all = all[n:]
	}
	return nil
}

func (w *Workflow) describeSeries(ctx context.Context, study radnode.UID, objects []store.StoredObject) error {
	series, stamp := objects[0].SeriesInstanceUID, store.MetadataStamp(objects)
	kept, err := w.store.MetadataStampOf(ctx, study, series)
	if err != nil || kept == stamp {
		return err
	}
	var text bytes.Buffer
	for i, o := range objects {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := dicom.ReadFile(o.Path, dicom.Limits{})
		if err != nil {
			w.Log.Warn("metadata of a series are not kept: a header cannot be read", "instance", o.SOPInstanceUID, "error", err)
			return nil
		}
		if i > 0 {
			text.WriteByte(',')
		}
		d, options := dicomjson.Metadata(f, dicomjson.AnyBase)
		text.Write(dicomjson.Append(text.AvailableBuffer(), d, options))
		if text.Len() > maxMetadata {
			return nil
		}
	}
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.SetSeriesMetadata(ctx, study, series, stamp, text.Bytes())
	})
}

// describeLater asks for the metadata of a study that has become quiet.
func (w *Workflow) describeLater(ctx context.Context, tx *store.Tx, study radnode.UID) error {
	_, instances, err := tx.StudyState(ctx, study)
	if err != nil || instances < ManyInstances {
		return err
	}
	at := time.Now()
	tx.AfterCommit(func() { w.queue.Wake(at) })
	return jobs.Enqueue(ctx, tx, metadataJob, string(study), at)
}
