package pixel

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unsafe"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/inference"
	"github.com/radnode/radnode/models"
	"github.com/radnode/radnode/preprocess"
	"github.com/radnode/radnode/worker"
)

// analysis is one request to read a file.
type analysis struct {
	request  worker.AnalyzeRequest
	registry *registry
	software string
	fr       *frame
	src      *source
	facts    facts
	out      []radnode.Analysis

	explained time.Duration // spent on maps by hiding parts
}

// analyze reads one file with every model that fits. It returns an error only
// where trying again may help; what is wrong with the image is an answer.
func (s *server) analyze(ctx context.Context, r worker.AnalyzeRequest) ([]radnode.Analysis, error) {
	if s.registry == nil {
		return nil, s.noRuntime
	}
	wanted, refused, err := s.registry.choose(r.Models)
	if err != nil {
		return nil, err
	}
	src, err := open(r.Path)
	switch radnode.CodeOf(err) {
	case "":
	case radnode.Invalid, radnode.TooLarge, radnode.Unsupported:
		return []radnode.Analysis{failure(r.Path, err)}, nil
	default:
		return nil, err
	}
	defer src.close()
	defer s.frame.trim()
	a := &analysis{request: r, registry: s.registry, software: s.software, fr: &s.frame, src: src, facts: src.facts()}
	if err := a.run(ctx, wanted); err != nil {
		return nil, err
	}
	for _, one := range refused {
		a.add(one.answer(&a.facts))
	}
	if len(a.out) == 0 {
		a.add(radnode.Analysis{Gate: radnode.Gate{Reasons: []string{"not analysed: no model is installed"}}})
	}
	return a.out, nil
}

// failure is the answer for a file that is not sound.
func failure(path string, err error) radnode.Analysis {
	text := radnode.MessageOf(err)
	return radnode.Analysis{
		File: path, Gate: radnode.Gate{Reasons: []string{}}, Findings: []radnode.Finding{},
		Features: map[string]float64{}, Error: &text,
	}
}

// add files one answer and fills what every answer has.
func (a *analysis) add(one radnode.Analysis) {
	one.File, one.SOPInstanceUID = a.request.Path, a.src.instance()
	if one.Findings == nil {
		one.Findings = []radnode.Finding{}
	}
	if one.Features == nil {
		one.Features = map[string]float64{}
	}
	a.out = append(a.out, one)
}

// run decides which models see which frames, and reads frame by frame.
func (a *analysis) run(ctx context.Context, wanted []*classifier) error {
	plan := map[int][]*classifier{}
	for _, c := range wanted {
		gate := declared(&a.facts, &c.manifest.Gate)
		if a.src.refused != nil {
			gate = radnode.Gate{Reasons: []string{notAnalysed(a.src.refused)}}
		}
		if !gate.Accepted {
			a.add(radnode.Analysis{Model: c.ref(), Gate: gate})
			continue
		}
		for _, n := range framesFor(c.manifest.Frames, a.src.frames()) {
			plan[n] = append(plan[n], c)
		}
	}
	frames := make([]int, 0, len(plan))
	for n := range plan {
		frames = append(frames, n)
	}
	slices.Sort(frames)
	for _, n := range frames {
		if err := a.frame(ctx, n, plan[n]); err != nil {
			return err
		}
	}
	return nil
}

// framesFor lists the frames (from 0) that a model reads of count frames.
func framesFor(choice string, count int) []int {
	if choice == models.FramesMiddle || choice == "" && count > models.FramesLimit {
		return []int{count / 2}
	}
	all := make([]int, count)
	for i := range all {
		all[i] = i
	}
	return all
}

// frame decodes one frame and runs the models that read it.
func (a *analysis) frame(ctx context.Context, n int, wanted []*classifier) error {
	start := time.Now()
	err := a.src.decode(ctx, n, a.fr, slices.ContainsFunc(wanted, a.registry.asksForValues))
	decode := millis(start)
	f := &frameReading{analysis: a, index: n, number: a.number(n), decode: decode, done: map[*classifier]*radnode.Analysis{}}
	for _, c := range wanted {
		if err != nil {
			if ctx.Err() != nil {
				return radnode.Errorf(radnode.Canceled, "analyze", "%w", ctx.Err())
			}
			a.add(undecodable(c, f, err))
			continue
		}
		one, err := f.read(ctx, c)
		if err != nil {
			return err
		}
		a.add(*one)
	}
	return nil
}

// number is the frame as results name it: from 1, and 0 for the only frame.
func (a *analysis) number(n int) int {
	if a.src.frames() == 1 {
		return 0
	}
	return n + 1
}

func undecodable(c *classifier, f *frameReading, err error) radnode.Analysis {
	one := radnode.Analysis{Frame: f.number, Model: c.ref(), Timings: radnode.Timings{Decode: f.decode}}
	if code := radnode.CodeOf(err); code == radnode.Unsupported || code == radnode.TooLarge {
		one.Gate.Reasons = []string{notAnalysed(err)}
		return one
	}
	text := radnode.MessageOf(err)
	one.Gate.Reasons, one.Error = []string{}, &text
	return one
}

// frameReading is the work of all models on one frame.
type frameReading struct {
	*analysis
	index  int
	number int
	decode float64
	done   map[*classifier]*radnode.Analysis
}

// read gives what model c has to say about the frame, after the models whose
// findings are its conditions.
func (f *frameReading) read(ctx context.Context, c *classifier) (*radnode.Analysis, error) {
	if one, ok := f.done[c]; ok {
		return one, nil
	}
	for _, other := range f.registry.before(c) {
		if _, err := f.read(ctx, other); err != nil {
			return nil, err
		}
	}
	one := &radnode.Analysis{
		Frame: f.number, Model: c.ref(), Device: c.device(),
		Gate: declared(&f.facts, &c.manifest.Gate), Timings: radnode.Timings{Decode: f.decode},
	}
	f.done[c] = one
	if how, ok := f.request.Without[name(c.manifest)]; ok {
		one.Gate = radnode.Gate{Reasons: []string{"not analysed: the model ended the pixel worker twice on this image (" + how + ")"}}
	}
	if f.fr.blank {
		one.Gate = radnode.Gate{Reasons: []string{"not analysed: the image is blank, every pixel has the same value"}}
	}
	if !one.Gate.Accepted {
		return one, nil
	}
	if text := exposed(f.fr.display, &c.manifest.Gate); text != "" {
		one.Gate = radnode.Gate{Reasons: []string{"not applicable: " + text}}
		return one, nil
	}
	if refused := learned(&c.manifest.Gate, func(id string) *radnode.Analysis { return f.done[f.registry.newest[id]] }); len(refused) > 0 {
		one.Gate = radnode.Gate{Reasons: refused}
		return one, nil
	}
	if c.model == nil {
		f.combine(c, one)
		return one, nil
	}
	if err := f.classify(ctx, c, one); err != nil {
		if ctx.Err() != nil {
			return nil, radnode.Errorf(radnode.Canceled, "analyze", "%w", ctx.Err())
		}
		text := radnode.MessageOf(err)
		if radnode.CodeOf(err) == radnode.Internal {
			text = err.Error() // a fault of the runtime: it names device and graph, never the patient
		}
		one.Error, one.Findings, one.Gate = &text, nil, radnode.Gate{Reasons: []string{}}
	}
	return one, nil
}

// classify prepares the tensor, runs the model and fills in its findings.
func (f *frameReading) classify(ctx context.Context, c *classifier, one *radnode.Analysis) error {
	if err := worker.Doing(ctx, worker.DoingModel+name(c.manifest)); err != nil {
		return err
	}
	start := time.Now()
	pictures := &stageFiles{dir: f.request.OutDir, prefix: fmt.Sprintf("%s_%s_f%d_", c.manifest.ID, c.manifest.Version, f.index+1)}
	opts := preprocess.RunOptions{}
	if f.request.Stages && f.request.OutDir != "" {
		opts.KeepStages = pictures.keep
	}
	result, err := c.pipeline.Run(ctx, f.input(c), c.tensor, opts)
	if err != nil {
		return err
	}
	if pictures.err != nil {
		return pictures.err
	}
	one.Timings.Preprocess = millis(start)
	start = time.Now()
	output, err := c.model.Run(ctx, 1, c.tensor)
	if err != nil {
		return err
	}
	if judge(c, output, one); !one.Gate.Accepted {
		return nil
	}
	noMap, err := f.explain(ctx, c, output)
	if err != nil {
		return err
	}
	spread, err := c.model.Spread(ctx, c.tensor)
	if err != nil {
		return err
	}
	one.Timings.Inference = millis(start)
	g := result.Geometry
	place := inference.Placement{Left: g.Left, Top: g.Top, Width: g.Width, Height: g.Height, Upright: g.Upright, Rows: f.fr.rows, Columns: f.fr.columns, PixelArea: f.pixelArea()}
	if one.Findings, err = c.model.Findings(output, 0, place); err != nil {
		return err
	}
	if c.manifest.KindOf() == models.KindEmbedding {
		values, _ := output.Of(models.Features, 0)
		one.Embedding = littleEndian(values)
	}
	for i := range spread {
		one.Findings[i].Interval = &spread[i]
	}
	one.Gate.Reasons = append(one.Gate.Reasons, noMap...)
	one.Gate.Reasons = append(one.Gate.Reasons, remarks(&f.facts, one.Findings)...)
	one.Features = result.Features
	if err := f.measureChest(ctx, one); err != nil {
		return err
	}
	one.Stages = pictures.stages(result.Stages)
	one.Provenance = f.provenance(c)
	return nil
}

// explainTime bounds the maps of one file that are made by hiding parts: a file
// has two minutes, and a finding must not be lost for want of its map.
const explainTime = 30 * time.Second

// explain makes heat maps by hiding parts of the image where the graph has
// none of its own and a label with a map is present. It returns what a reader
// should know where that takes too long.
func (f *frameReading) explain(ctx context.Context, c *classifier, out *inference.Output) ([]string, error) {
	if c.manifest.Explain == nil {
		return nil, nil
	}
	findings, err := c.model.Findings(out, 0, inference.Placement{})
	if err != nil {
		return nil, err
	}
	wanted := slices.ContainsFunc(findings, func(one radnode.Finding) bool {
		l, _ := c.manifest.Label(one.Label)
		return l.Heatmap && one.Present
	})
	if !wanted {
		return nil, nil
	}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, explainTime-f.explained)
	defer cancel()
	err = c.model.Explain(limited, c.tensor, out)
	f.explained += time.Since(start)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return []string{fmt.Sprintf("there is no heat map: the maps of one file may take %s", explainTime)}, nil
	}
	return nil, err
}

// pixelArea is the area of a pixel of the frame in mm²; 0 where the header has
// no calibrated spacing.
func (f *frameReading) pixelArea() float64 {
	if f.src.image == nil {
		return 0
	}
	s := f.src.image.Spacing(f.index)
	if s == nil {
		return 0
	}
	return s.Row * s.Column
}

func littleEndian(values []float32) []byte {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

// judge compares the image with those that the model was judged on.
func judge(c *classifier, out *inference.Output, one *radnode.Analysis) {
	d, ok := c.model.Distance(out, 0)
	if !ok {
		return
	}
	one.Typicality = &radnode.Typicality{Distance: d, Limit: c.manifest.Typical.Limit}
	switch text := unlike(one.Typicality); {
	case text == "":
	case c.manifest.Typical.Outside == models.OutsideRefuse:
		one.Gate = radnode.Gate{Reasons: []string{"not applicable: " + text}}
	default:
		one.Gate.Reasons = append(one.Gate.Reasons, text)
	}
}

// unlike says that an image is outside of what the model was judged on.
func unlike(t *radnode.Typicality) string {
	if t.Distance <= t.Limit {
		return ""
	}
	return fmt.Sprintf("the image is unlike those the model was judged on (distance %.2f, limit %.2f)", t.Distance, t.Limit)
}

// input hands the frame to a pipeline.
func (f *frameReading) input(c *classifier) preprocess.Image {
	fr := f.fr
	img := preprocess.Image{Rows: fr.rows, Columns: fr.columns, Channels: fr.samples, Pix8: fr.display}
	im := f.src.image
	if im == nil {
		return img
	}
	if s := im.Spacing(f.index); s != nil {
		img.Spacing = preprocess.Spacing{Row: s.Row, Column: s.Column}
	}
	if !c.withValues || len(fr.values)+len(fr.patterns) == 0 {
		return img
	}
	is := im.Describe(f.index)
	img.Values, img.Stored = fr.values, fr.patterns
	img.Signed, img.Slope, img.Intercept = fr.stored.Signed, fr.slope, fr.intercept
	img.Inverse = is.Inverted
	for _, w := range is.Windows {
		if w.Function != pixel.TableLUT {
			img.Window = &preprocess.Window{Center: w.Center, Width: w.Width, Function: w.Function}
			break
		}
	}
	if p, r := is.Padding, is.Rescale; p != nil && r != nil {
		low, high := float64(p.Low)*r.Slope+r.Intercept, float64(p.High)*r.Slope+r.Intercept
		img.Padding = &preprocess.PaddingRange{Low: min(low, high), High: max(low, high)}
	}
	return img
}

func (f *frameReading) provenance(c *classifier) *radnode.Provenance {
	return &radnode.Provenance{
		InputDigest: f.fr.digest, PipelineDigest: c.pipeline.Digest(), TensorDigest: tensorDigest(c.tensor),
		Runtime: f.registry.runtime.Version(), Device: c.model.Device(), Fallbacks: c.model.Fallbacks(),
		Software: f.software, Evaluation: c.manifest.Evaluation, Calibrated: c.manifest.Calibrated,
	}
}

// tensorDigest hashes the tensor as it lies in memory: little-endian float32
// on every machine ONNX Runtime runs on.
func tensorDigest(t []float32) string {
	sum := sha256.Sum256(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(t))), 4*len(t)))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func millis(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1e3 }

// stageFiles writes the pictures of a pipeline's steps.
type stageFiles struct {
	dir, prefix string
	files       map[string]string // by path of the step
	err         error
}

func (s *stageFiles) keep(st preprocess.Stage) {
	if s.err != nil || len(st.PNG) == 0 {
		return
	}
	name := s.prefix + st.Path + "-" + st.Step + ".png"
	if err := os.WriteFile(filepath.Join(s.dir, name), st.PNG, 0o600); err != nil {
		s.err = radnode.Errorf(radnode.NoResources, "keep stages", "a picture cannot be written: %w", err)
		return
	}
	if s.files == nil {
		s.files = map[string]string{}
	}
	s.files[st.Path] = name
}

func (s *stageFiles) stages(all []preprocess.Stage) []radnode.Stage {
	out := make([]radnode.Stage, len(all))
	for i, st := range all {
		out[i] = radnode.Stage{
			Name: st.Path + "-" + st.Step, Step: st.Step, Parameters: shown(st.Parameters),
			Millis: st.Millis, File: s.files[st.Path], Note: st.Note, Values: st.Values,
		}
	}
	return out
}

// shown drops parameters that are pipelines of their own.
func shown(parameters map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range parameters {
		if name != "steps" {
			out[name] = v
		}
	}
	return out
}
