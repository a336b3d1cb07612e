package node

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/worker"
)

// AnalyzeOptions say what `radnode analyze` reads and where pictures and
// documents go.
type AnalyzeOptions struct {
	Paths  []string
	Models []string // nil: all
	Out    string   // "": nothing is written
}

// Analyze reads files with the models and hands each analysis to emit, in the
// order of the files. A file that cannot be read becomes an analysis with an
// error; failed counts those.
func Analyze(ctx context.Context, c Config, o AnalyzeOptions, log *slog.Logger, emit func(radnode.Analysis) error) (failed int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pool, err := c.startPool(ctx, log)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	run := &analysisRun{pool: pool, options: o, studies: map[radnode.UID]*analysedStudy{}, author: author{station: c.AETitle, organisation: c.Organisation}}
	if o.Out != "" {
		if err := os.MkdirAll(o.Out, 0o700); err != nil {
			return 0, radnode.Errorf(radnode.Invalid, "analyze", "the folder for --out cannot be made: %w", err)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	// One file more than there are workers is under way, so that none waits.
	queue := make(chan chan []radnode.Analysis, c.Workers)
	group.Go(func() error {
		defer close(queue)
		n := 0
		return EachFile(ctx, o.Paths, func(path string, err error) error {
			n++
			number, slot := n, make(chan []radnode.Analysis, 1)
			select {
			case queue <- slot:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() error {
				list, fatal := run.file(ctx, number, path, err)
				slot <- list
				return fatal
			})
			return nil
		})
	})
	group.Go(func() error {
		for slot := range queue {
			var list []radnode.Analysis
			select {
			case list = <-slot:
			case <-ctx.Done():
				return ctx.Err()
			}
			for _, a := range list {
				if a.Error != nil {
					failed++
				}
				if err := emit(a); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return failed, err
	}
	return failed, run.writeDocuments()
}

// analysisRun is one call of Analyze.
type analysisRun struct {
	pool    *worker.Pool
	options AnalyzeOptions
	author  author

	mu      sync.Mutex
	studies map[radnode.UID]*analysedStudy
}

// analysedStudy gathers what the document of a study is made of.
type analysedStudy struct {
	headers  []*dicom.Dataset
	analyses []radnode.Analysis
}

// file reads one file. The error is fatal for the whole run.
func (r *analysisRun) file(ctx context.Context, number int, path string, pathErr error) ([]radnode.Analysis, error) {
	if pathErr != nil {
		return []radnode.Analysis{unreadable(path, pathErr)}, nil
	}
	request := worker.AnalyzeRequest{Path: path, Models: r.options.Models}
	if r.options.Out != "" {
		request.OutDir = filepath.Join(r.options.Out, fmt.Sprintf("%04d-%s", number, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))))
		request.Stages = true
		if err := os.MkdirAll(request.OutDir, 0o700); err != nil {
			return nil, radnode.Errorf(radnode.NoResources, "analyze", "cannot write to the folder of --out: %w", err)
		}
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	request.Path = absolute
	list, err := r.pool.Analyze(ctx, request)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		if code := radnode.CodeOf(err); code == radnode.Unavailable || code == radnode.NotFound && len(r.options.Models) > 0 {
			return nil, err // no worker starts, or there is no such model: no file will fare better
		}
		return []radnode.Analysis{unreadable(path, err)}, nil
	}
	for i := range list {
		list[i].File = path
	}
	if r.options.Out == "" {
		return list, nil
	}
	r.gather(absolute, list)
	return list, writeHeatmaps(request.OutDir, list)
}

func unreadable(path string, err error) radnode.Analysis {
	text := radnode.MessageOf(err)
	return radnode.Analysis{File: path, Gate: radnode.Gate{Reasons: []string{}}, Findings: []radnode.Finding{}, Features: map[string]float64{}, Error: &text}
}

// writeHeatmaps writes each heat map as a grey picture of the rectangle that
// the finding's heatmap names.
func writeHeatmaps(dir string, list []radnode.Analysis) error {
	for _, a := range list {
		for _, f := range a.Findings {
			if f.Heatmap == nil {
				continue
			}
			name := fmt.Sprintf("heatmap-%s-%s.png", a.Model.ID, f.Label)
			if a.Frame > 0 {
				name = fmt.Sprintf("heatmap-%s-%s-frame%d.png", a.Model.ID, f.Label, a.Frame)
			}
			if err := writePNG(filepath.Join(dir, name), f.Heatmap); err != nil {
				return err
			}
		}
	}
	return nil
}

func writePNG(path string, h *radnode.Heatmap) error {
	if h.Rows <= 0 || h.Columns <= 0 || len(h.Values) != h.Rows*h.Columns {
		return radnode.Errorf(radnode.Internal, "write heat map", "a heat map has %d values for %d × %d", len(h.Values), h.Rows, h.Columns)
	}
	grid := &image.Gray{Pix: h.Values, Stride: h.Columns, Rect: image.Rect(0, 0, h.Columns, h.Rows)}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return radnode.Errorf(radnode.NoResources, "write heat map", "%w", err)
	}
	if err := png.Encode(file, grid); err != nil {
		_ = file.Close() // the first error counts
		return radnode.Errorf(radnode.NoResources, "write heat map", "%w", err)
	}
	return file.Close()
}

// gather keeps what the study's document will need.
func (r *analysisRun) gather(path string, list []radnode.Analysis) {
	file, err := dicom.ReadFile(path, dicom.Limits{})
	if err != nil {
		return // the analyses say why; a picture without header has no document
	}
	uid := file.Dataset.UID(dicom.StudyInstanceUID)
	if !uid.Valid() || !slices.ContainsFunc(list, func(a radnode.Analysis) bool { return a.Error == nil }) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	study := r.studies[uid]
	if study == nil {
		study = &analysedStudy{}
		r.studies[uid] = study
	}
	study.headers = append(study.headers, file.Dataset)
	study.analyses = append(study.analyses, list...)
}

// writeDocuments writes the unverified SR of each study.
func (r *analysisRun) writeDocuments() error {
	for uid, study := range r.studies {
		in := r.author.input(uid, radnode.NewUID())
		in.Source, in.Analyses = study.headers, study.analyses
		document, err := report.SR(in)
		if err != nil {
			return err
		}
		path := filepath.Join(r.options.Out, "sr-"+string(uid)+".dcm")
		file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return radnode.Errorf(radnode.NoResources, "write SR", "%w", err)
		}
		if err := dicom.WriteFile(file, document, dimse.ExplicitVRLittleEndian); err != nil {
			_ = file.Close() // the first error counts
			return err
		}
		if err := file.Close(); err != nil {
			return radnode.Errorf(radnode.NoResources, "write SR", "%w", err)
		}
	}
	return nil
}
