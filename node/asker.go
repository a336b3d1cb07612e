package node

import (
	"context"
	"image"
	"os"
	"path/filepath"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/web/api"
	"github.com/radnode/radnode/worker"
)

// asker adapts the pixel workers to the API, where somebody waits for the answer.
type asker struct {
	pool   *worker.Pool
	author author
}

var _ api.Analyzer = asker{}

// Analyze implements api.Analyzer.
func (a asker) Analyze(ctx context.Context, path string, models []string) ([]radnode.Analysis, error) {
	return a.pool.Analyze(ctx, worker.AnalyzeRequest{Path: path, Models: models, Urgent: true})
}

// Draft implements api.Analyzer.
func (a asker) Draft(_ context.Context, path string, list []radnode.Analysis) (*dicom.Dataset, error) {
	file, err := dicom.ReadFile(path, dicom.Limits{})
	if err != nil {
		return nil, err
	}
	in := a.author.input(file.Dataset.UID(dicom.StudyInstanceUID), radnode.NewUID())
	in.Source, in.Analyses = []*dicom.Dataset{file.Dataset}, list
	draft, err := report.SR(in)
	if err != nil {
		return nil, err
	}
	return draft, report.Check(draft)
}

// heatPictureSize is the longest side of the frame below a heat map.
const heatPictureSize = 1024

// HeatPicture implements api.Analyzer.
func (a asker) HeatPicture(ctx context.Context, path string, analysis radnode.Analysis, f radnode.Finding) (image.Image, error) {
	dir, err := os.MkdirTemp(a.author.scratch, "heat-")
	if err != nil {
		return nil, radnode.Errorf(radnode.NoResources, "heat map", "no folder for pictures: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // emptied at the next start
	frame := max(1, analysis.Frame)
	stored, err := a.pool.Frame(ctx, worker.FrameRequest{Path: path, Frame: frame, Out: filepath.Join(dir, "frame")})
	if err != nil {
		return nil, err
	}
	img, err := a.author.picture(ctx, filepath.Join(dir, "picture.png"), path, frame, heatPictureSize)
	if err != nil {
		return nil, err
	}
	of := radnode.ReportFinding{SOPInstanceUID: analysis.SOPInstanceUID, Frame: analysis.Frame, Model: analysis.Model, Finding: f, Decision: radnode.Undecided}
	return report.HeatPicture(img, stored.Rows, stored.Columns, of)
}
