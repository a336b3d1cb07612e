package node

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/api"
	"github.com/radnode/radnode/web/frames"
	"github.com/radnode/radnode/worker"
	"github.com/radnode/radnode/workflow"
)

// decoder adapts the pixel workers to the web's frame cache.
type decoder struct{ pool *worker.Pool }

var _ frames.Decoder = decoder{}

// Frame implements frames.Decoder.
func (d decoder) Frame(ctx context.Context, path string, frame int, out string) error {
	_, err := d.pool.Frame(ctx, worker.FrameRequest{Path: path, Frame: frame, Out: out})
	return err
}

// Render implements frames.Decoder.
func (d decoder) Render(ctx context.Context, path string, frame, size int, out string) error {
	_, err := d.pool.Render(ctx, worker.RenderRequest{Path: path, Frame: frame, Out: out, MaxSize: size, Format: "jpeg", Quality: 85})
	return err
}

// Describe implements frames.Decoder.
func (d decoder) Describe(ctx context.Context, path string) (*api.ImageDescription, error) {
	from, err := d.pool.Describe(ctx, path)
	if err != nil {
		return nil, err
	}
	to := &api.ImageDescription{
		Rows: from.Frame.Rows, Columns: from.Frame.Columns, Frames: from.Frames, SamplesPerPixel: from.Frame.Samples,
		BitsAllocated: from.Frame.BitsAllocated, BitsStored: from.Frame.BitsStored, Signed: from.Frame.Signed,
		Photometric: from.Frame.Photometric, Slope: from.Values.Slope, Intercept: from.Values.Intercept, Units: from.Values.Unit,
		ModalityLUT: viewerLUT(from.Values.ModalityLUT), Windows: viewerWindows(from.Values.Windows), VOIFunction: voiFunction(from.Values.Windows),
		VOILUTs: viewerLUTs(from.Values.VOILUTs), Inverse: from.Inverse, Palette: viewerPalette(from.Palette),
		Float: from.Frame.Float, PixelSpacing: from.Spacing, SpacingSource: from.SpacingSource, TransferSyntax: from.TransferSyntax,
	}
	for _, v := range from.PerFrame {
		to.PerFrame = append(to.PerFrame, api.FrameValues{Slope: v.Slope, Intercept: v.Intercept, Windows: viewerWindows(v.Windows)})
	}
	if from.Padding != nil {
		to.Padding = &[2]int64{from.Padding.Low, from.Padding.High}
	}
	if from.Spacing == nil && from.AspectRatio > 0 && from.AspectRatio != 1 {
		to.PixelAspect = &[2]float64{from.AspectRatio, 1}
	}
	return to, nil
}

func viewerWindows(from []worker.Window) []api.Window {
	to := make([]api.Window, len(from))
	for i, w := range from {
		to[i] = api.Window{Center: w.Center, Width: w.Width, Explanation: w.Explanation}
	}
	return to
}

// voiFunction is one attribute for all windows of an image (PS3.3 C.11.2.1.3).
func voiFunction(windows []worker.Window) string {
	if len(windows) == 0 || windows[0].Function == "" {
		return "LINEAR"
	}
	return windows[0].Function
}

func viewerLUT(from *worker.LUT) *api.LUT {
	if from == nil {
		return nil
	}
	return &api.LUT{First: from.First, Bits: from.Bits, Explanation: from.Explanation, Values: from.Data}
}

func viewerLUTs(from []worker.LUT) []api.LUT {
	var to []api.LUT
	for i := range from {
		to = append(to, *viewerLUT(&from[i]))
	}
	return to
}

// viewerPalette scales the three tables to 8 bits: 16-bit entries by their
// high byte (PS3.3 C.7.6.3.1.6).
func viewerPalette(from []worker.LUT) *api.Palette {
	if len(from) != 3 {
		return nil
	}
	to := &api.Palette{First: from[0].First}
	for i, channel := range []*[]byte{&to.Red, &to.Green, &to.Blue} {
		shift := max(from[i].Bits-8, 0)
		*channel = make([]byte, len(from[i].Data))
		for j, v := range from[i].Data {
			(*channel)[j] = byte(v >> shift)
		}
	}
	return to
}

// reader adapts the pixel workers to the workflow, which reads what arrives.
type reader struct{ pool *worker.Pool }

var _ workflow.Analyzer = reader{}

// Analyze implements workflow.Analyzer.
func (r reader) Analyze(ctx context.Context, req workflow.AnalyzeRequest) ([]radnode.Analysis, error) {
	return r.pool.Analyze(ctx, worker.AnalyzeRequest{Path: req.Path, OutDir: req.OutDir, Stages: req.OutDir != ""})
}

// asker adapts the pixel workers to the API, where somebody waits for the answer.
type asker struct{ pool *worker.Pool }

var _ api.Analyzer = asker{}

// Analyze implements api.Analyzer.
func (a asker) Analyze(ctx context.Context, path string, models []string) ([]radnode.Analysis, error) {
	return a.pool.Analyze(ctx, worker.AnalyzeRequest{Path: path, Models: models, Urgent: true})
}
