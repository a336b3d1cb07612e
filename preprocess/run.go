package preprocess

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"gocv.io/x/gocv"

	"github.com/radnode/radnode"
)

// Result is what a run made besides the tensor.
type Result struct {
	Stages                  []Stage
	Geometry                Geometry
	Channels, Rows, Columns int // of the tensor
	Features                map[string]float64
	Lines                   []Line          // what a measurement was taken by, on the source
	Masks                   map[string]Mask // with RunOptions.KeepMasks
}

// Stage is one step as it ran. Path is its place in the pipeline ("3", in a
// branch "3.1"); PNG is there when the caller asked for pictures.
type Stage struct {
	Path, Step string
	Parameters map[string]any
	Millis     float64
	Note       string             // what the step decided
	Values     map[string]float64 // thresholds, counts and the like
	PNG        []byte
}

// Mask is a named region: 255 inside, 0 outside, on a grid that ToSource maps
// to pixels of the source image.
type Mask struct {
	Rows, Columns int
	ToSource      Affine
	Pix           []byte
}

// Line is a line, or where its ends meet an outline, in pixels of the source:
// columns and rows by turns from the upper left corner of the image.
type Line struct {
	Name   string
	Points []float64
}

// RunOptions says what a run keeps.
type RunOptions struct {
	KeepStages func(Stage) // called after each step with its picture; nil: no pictures are made
	KeepMasks  bool        // copy the named masks into the result
}

// picture is an image or a mask somewhere in the pipeline.
type picture struct {
	buf      *buffer
	toSource Affine
	depth    depth
}

// run is one image on its way through a pipeline.
type run struct {
	ctx      context.Context
	img      *Image
	w        *workspace
	opts     RunOptions
	cur      picture
	masks    map[string]picture
	features map[string]float64
	lines    []Line
	stages   []Stage
	tensor   tensorFormat

	note   string // of the step at work
	values map[string]float64
	show   *buffer // picture of a step that leaves the image as it is
}

// Run takes img through the pipeline and writes the tensor into dst as
// float32, rows within channels (NCHW) or as the tensor step says. dst must
// hold exactly the tensor; nil asks for features and masks only.
func (p *Pipeline) Run(ctx context.Context, img Image, dst []float32, opts RunOptions) (Result, error) {
	return p.RunInto(ctx, img, Tensor{Float32: dst}, opts)
}

// RunInto is Run for every type of tensor.
func (p *Pipeline) RunInto(ctx context.Context, img Image, dst Tensor, opts RunOptions) (Result, error) {
	res, _, err := p.run(ctx, img, func(int) Tensor { return dst }, opts)
	return res, err
}

// RunNew is RunInto for a tensor whose size may depend on the image.
func (p *Pipeline) RunNew(ctx context.Context, img Image, opts RunOptions) (Result, Tensor, error) {
	return p.run(ctx, img, p.NewTensor, opts)
}

func (p *Pipeline) run(ctx context.Context, img Image, tensor func(values int) Tensor, opts RunOptions) (Result, Tensor, error) {
	if err := img.check(); err != nil {
		return Result{}, Tensor{}, err
	}
	w := p.borrow()
	defer p.giveBack(w)
	r := &run{
		ctx: ctx, img: &img, w: w, opts: opts,
		cur:      picture{toSource: identity},
		masks:    map[string]picture{},
		features: map[string]float64{},
	}
	if p.end.tensor != nil {
		r.tensor = *p.end.tensor
	}
	if err := r.steps(p.stages); err != nil {
		return Result{}, Tensor{}, err
	}
	return r.finish(tensor)
}

func (r *run) finish(tensor func(values int) Tensor) (Result, Tensor, error) {
	cur, err := r.pixels()
	if err != nil {
		return Result{}, Tensor{}, err
	}
	dst := tensor(r.tensor.channels(cur) * cur.rows * cur.columns)
	if err := dst.write(cur, r.tensor); err != nil {
		return Result{}, Tensor{}, err
	}
	res := Result{
		Stages: r.stages, Features: r.features, Lines: r.lines,
		Geometry: newGeometry(cur.rows, cur.columns, r.cur.toSource),
		Channels: r.tensor.channels(cur), Rows: cur.rows, Columns: cur.columns,
	}
	if r.opts.KeepMasks {
		res.Masks = map[string]Mask{}
		for name, m := range r.masks {
			pix, err := m.buf.bytes8()
			if err != nil {
				return Result{}, Tensor{}, err
			}
			res.Masks[name] = Mask{m.buf.rows, m.buf.columns, m.toSource, append([]byte(nil), pix...)}
		}
	}
	return res, dst, nil
}

func (r *run) steps(stages []stage) error {
	for i := range stages {
		if err := r.ctx.Err(); err != nil {
			return radnode.Errorf(radnode.Canceled, "preprocess", "stopped before step %s: %w", stages[i].path, err)
		}
		if err := r.step(&stages[i]); err != nil {
			return stages[i].failed(err)
		}
	}
	return nil
}

// failed names the step; of the steps of a branch the innermost counts.
func (s *stage) failed(err error) error {
	const op = "preprocess"
	var e *radnode.Error
	switch {
	case s.spec.Name == branchStep.Name:
		return err
	case errors.As(err, &e) && e.Op == op:
		return &radnode.Error{Code: e.Code, Op: op, Message: fmt.Sprintf("step %s (%s): %s", s.path, s.spec.Name, e.Message), Err: err}
	}
	return radnode.Errorf(radnode.CodeOf(err), op, "step %s (%s): %w", s.path, s.spec.Name, err)
}

func (r *run) step(s *stage) error {
	r.note, r.values, r.show = "", nil, nil
	before := r.cur.buf
	start := time.Now()
	if err := s.act(r); err != nil {
		return err
	}
	if s.spec.Name == "branch" {
		return nil // its steps have entered themselves
	}
	if r.cur.buf != nil {
		if err := r.cur.buf.check(); err != nil {
			return err
		}
		if r.cur.buf != before {
			if err := r.cur.buf.finite(); err != nil {
				return err
			}
		}
	}
	st := Stage{
		Path: s.path, Step: s.spec.Name, Parameters: maps.Clone(map[string]any(s.args)),
		Millis: float64(time.Since(start).Nanoseconds()) / 1e6, Note: r.note, Values: r.values,
	}
	if r.opts.KeepStages != nil {
		if err := r.draw(&st); err != nil {
			return err
		}
		r.opts.KeepStages(st)
	}
	r.w.release(r.show)
	r.stages = append(r.stages, st)
	return nil
}

// pixels returns the current image; the first call brings it in from Go. A
// window step that comes first never asks for it.
func (r *run) pixels() (*buffer, error) {
	if r.cur.buf != nil {
		return r.cur.buf, nil
	}
	img := r.img
	if img.Pix8 == nil && img.PixF == nil {
		if err := windowHeader(r); err != nil { // the display values are made from the modality values
			return nil, err
		}
		return r.cur.buf, nil
	}
	kind := matType(gocv.MatTypeCV8U, img.Channels)
	if img.Pix8 == nil {
		kind = matType(gocv.MatTypeCV32F, img.Channels)
	}
	b, err := r.w.take(img.Rows, img.Columns, kind)
	if err != nil {
		return nil, err
	}
	if img.Pix8 != nil {
		pix, err := b.bytes8()
		if err != nil {
			return nil, err
		}
		copy(pix, img.Pix8)
	} else {
		pix, err := b.floats32()
		if err != nil {
			return nil, err
		}
		copy(pix, img.PixF)
	}
	r.cur = picture{buf: b, toSource: identity, depth: display}
	return b, nil
}

// pixels8 is pixels for steps that need 8 bits: display values that came as
// floats are rounded; other floats are refused when the pipeline is compiled.
func (r *run) pixels8() (*buffer, error) {
	b, err := r.pixels()
	if err != nil || matDepth(b.kind) == gocv.MatTypeCV8U {
		return b, err
	}
	out, err := r.w.take(b.rows, b.columns, matType(gocv.MatTypeCV8U, matChannels(b.kind)))
	if err != nil {
		return nil, err
	}
	b.mat.ConvertTo(&out.mat, gocv.MatTypeCV8U)
	r.w.release(r.cur.buf)
	r.cur.buf, r.cur.depth = out, byte8
	return out, nil
}

// replace makes b the current image on the same grid.
func (r *run) replace(b *buffer, d depth) {
	r.w.release(r.cur.buf)
	r.cur.buf, r.cur.depth = b, d
}

// move makes b the current image on another grid; back maps it to the old one.
func (r *run) move(b *buffer, back Affine) {
	r.replace(b, r.cur.depth)
	r.cur.toSource = r.cur.toSource.After(back)
}

// like lends a Mat of the size of b.
func (r *run) like(b *buffer, kind gocv.MatType) (*buffer, error) {
	return r.w.take(b.rows, b.columns, kind)
}

func (r *run) setValue(name string, v float64) {
	if r.values == nil {
		r.values = map[string]float64{}
	}
	r.values[name] = v
}

func (r *run) setMask(name string, m picture) {
	if old, ok := r.masks[name]; ok {
		r.w.release(old.buf)
	}
	r.masks[name] = m
}
