package pixel

import (
	"context"
	"errors"
	"fmt"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/preprocess"
	"github.com/radnode/radnode/preprocess/volume"
	"github.com/radnode/radnode/worker"
)

// maxSeries bounds the values of a series that are held at once.
const maxSeries = 1 << 28

// seriesFiles is what has been read of the files of a series.
type seriesFiles struct {
	slices        []volume.Slice
	values        int
	others        int                  // files that are no images
	series, frame map[radnode.UID]bool // UIDs that occur, of series and frames of reference
}

// runSeries makes a volume of the files of a series and measures it.
func (s *server) runSeries(ctx context.Context, paths []string, step *preprocess.VolumeStep, out *worker.PipelineResult) error {
	defer s.frame.trim()
	read := seriesFiles{series: map[radnode.UID]bool{}, frame: map[radnode.UID]bool{}}
	for i, path := range paths {
		if err := ctx.Err(); err != nil {
			return radnode.Errorf(radnode.Canceled, opPipeline, "%w", err)
		}
		if err := s.slice(ctx, path, &read); err != nil {
			message := err.Error()
			if e := (*radnode.Error)(nil); errors.As(err, &e) {
				message = e.Message
			}
			return &radnode.Error{Code: radnode.CodeOf(err), Op: opPipeline, Err: err,
				Message: fmt.Sprintf("file %d of %d, in the order of the command and of the names in a folder: %s", i+1, len(paths), message)}
		}
	}
	switch {
	case len(read.series) > 1:
		return radnode.Errorf(radnode.Invalid, opPipeline, "the files belong to %d series; give those of one", len(read.series))
	case len(read.frame) > 1:
		return radnode.Errorf(radnode.Invalid, opPipeline, "the files have %d frames of reference, so their places cannot be compared (PS3.3 C.7.4.1)", len(read.frame))
	}
	all := read.slices
	result, err := step.Run(ctx, all)
	if err != nil {
		return err
	}
	a, v := result.Arrangement, result.Volume
	report := &worker.SeriesReport{
		Slices: len(all), Order: []string{}, Spacing: a.Spacing, Notes: append([]string{}, result.Notes...),
		Volume: [3]int{v.Columns, v.Rows, v.Slices}, Voxel: v.Spacing,
	}
	if read.others > 0 {
		report.Notes = append(report.Notes, fmt.Sprintf("files left out that are no images: %d", read.others))
	}
	for _, i := range a.Order {
		report.Order = append(report.Order, all[i].Key)
	}
	for _, g := range a.Gaps {
		report.Missing = append(report.Missing, worker.SeriesGap{After: all[g.After].Key, Width: g.Width, Missing: g.Missing})
	}
	out.Series, out.Features = report, result.Features
	return nil
}

// slice reads one file of a series with its place in the patient (PS3.3
// C.7.6.2). A slice without a place or spacing is taken too: the arrangement
// refuses it and says so. A file without pixels is counted only.
func (s *server) slice(ctx context.Context, path string, read *seriesFiles) error {
	src, err := open(path)
	if err != nil {
		return err
	}
	defer src.close()
	switch {
	case src.object == nil || src.object.PixelData == nil && !src.object.Dataset.Has(dicom.Rows):
		read.others++
		return nil
	case src.refused != nil:
		return src.refused
	case src.frames() > 1:
		return radnode.Errorf(radnode.Unsupported, opPipeline, "it has %d frames; a series of single frames can be read", src.frames())
	}
	if err := src.decode(ctx, 0, &s.frame, false); err != nil {
		return err
	}
	if s.frame.samples != 1 {
		return radnode.Errorf(radnode.Unsupported, opPipeline, "it is a colour image")
	}
	size := s.frame.rows * s.frame.columns
	if read.values += size; read.values > maxSeries {
		return radnode.Errorf(radnode.TooLarge, opPipeline, "the series has more than %d values", maxSeries)
	}
	values := make([]float32, size)
	if err := src.image.Modality(&s.frame.stored, 0, values); err != nil {
		return err
	}
	d := src.object.Dataset
	slice := volume.Slice{
		Key: string(src.instance()), Rows: s.frame.rows, Columns: s.frame.columns,
		Values: values,
	}
	if p, o := d.Floats(dicom.ImagePositionPatient), d.Floats(dicom.ImageOrientationPatient); len(p) == 3 && len(o) == 6 {
		copy(slice.Position[:], p)
		copy(slice.RowAxis[:], o[:3])
		copy(slice.ColumnAxis[:], o[3:])
	}
	if spacing := src.image.Spacing(0); spacing != nil {
		slice.RowSpacing, slice.ColumnSpacing = spacing.Row, spacing.Column
	}
	read.slices = append(read.slices, slice)
	read.series[d.UID(dicom.SeriesInstanceUID)] = true
	if uid := d.UID(dicom.FrameOfReferenceUID); uid != "" {
		read.frame[uid] = true
	}
	return nil
}
