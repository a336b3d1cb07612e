package pixel

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/preprocess"
	"github.com/radnode/radnode/preprocess/volume"
	"github.com/radnode/radnode/worker"
)

// maxSeries bounds the values of a series that are held at once.
const maxSeries = volume.MaxVoxels

// runSeries makes a volume of the files of a series and measures it.
func (s *server) runSeries(ctx context.Context, paths []string, step *preprocess.VolumeStep, out *worker.PipelineResult) error {
	defer s.frame.trim()
	var all []volume.Slice
	values := 0
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return radnode.Errorf(radnode.Canceled, opPipeline, "%w", err)
		}
		slice, err := s.slice(ctx, path)
		if err != nil {
			return err
		}
		if values += len(slice.Values); values > maxSeries {
			return radnode.Errorf(radnode.TooLarge, opPipeline, "the series has more than %d values", maxSeries)
		}
		all = append(all, *slice)
	}
	result, err := step.Run(ctx, all)
	if err != nil {
		return err
	}
	a, v := result.Arrangement, result.Volume
	report := &worker.SeriesReport{
		Slices: len(all), Order: []string{}, Spacing: a.Spacing, Notes: append([]string{}, result.Notes...),
		Volume: [3]int{v.Columns, v.Rows, v.Slices}, Voxel: v.Spacing,
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
// C.7.6.2). A slice without a place is taken too: the arrangement refuses it
// and says so.
func (s *server) slice(ctx context.Context, path string) (*volume.Slice, error) {
	src, release, err := s.opened.frame(path, 1)
	if err != nil {
		return nil, err
	}
	defer release()
	if src.object == nil || src.image == nil {
		return nil, radnode.Errorf(radnode.Invalid, opPipeline, "a file of the series is no DICOM image")
	}
	if src.frames() > 1 {
		return nil, radnode.Errorf(radnode.Unsupported, opPipeline, "a file of the series has %d frames; a series of single frames can be read", src.frames())
	}
	if err := src.decode(ctx, 0, &s.frame, true); err != nil {
		return nil, err
	}
	if len(s.frame.values) == 0 {
		return nil, radnode.Errorf(radnode.Unsupported, opPipeline, "a file of the series is a colour image")
	}
	d := src.object.Dataset
	slice := &volume.Slice{
		Key: string(src.instance()), Rows: s.frame.rows, Columns: s.frame.columns, RowSpacing: 1, ColumnSpacing: 1,
		Values: append([]float32(nil), s.frame.values...),
	}
	if p, o := d.Floats(dicom.ImagePositionPatient), d.Floats(dicom.ImageOrientationPatient); len(p) == 3 && len(o) == 6 {
		copy(slice.Position[:], p)
		copy(slice.RowAxis[:], o[:3])
		copy(slice.ColumnAxis[:], o[3:])
	}
	if spacing := src.image.Spacing(0); spacing != nil {
		slice.RowSpacing, slice.ColumnSpacing = spacing.Row, spacing.Column
	}
	return slice, nil
}
