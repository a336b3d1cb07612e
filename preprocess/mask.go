package preprocess

import (
	"gocv.io/x/gocv"

	"github.com/radnode/radnode"
)

// direct wraps the action of a step so that its parameters source and as
// choose what it works on and where the result goes.
func (s *Step) direct(a args, act action) action {
	source, as := a.text("source"), a.text("as")
	if s.output == toEither && source == "" || s.output == toMask && as == "" || s.output == toImage || s.output == toResults {
		return act
	}
	if as == "" {
		as = source
	}
	return func(r *run) error {
		if source == "" {
			if _, err := r.pixels(); err != nil {
				return err
			}
		}
		image := r.cur
		if source != "" {
			r.cur = r.masks[source]
		}
		r.cur.buf.hold()
		if err := act(r); err != nil {
			r.cur = image
			return err
		}
		if err := r.cur.buf.check(); err != nil {
			r.cur = image
			return err
		}
		r.show = r.cur.buf.hold()
		r.setMask(as, r.cur)
		r.cur = image
		return nil
	}
}

// mask returns the named mask on the pixel grid of the current image. A mask
// made before the image was moved is moved the same way (nearest neighbour).
// The caller releases it.
func (r *run) mask(name string) (*buffer, error) {
	m, ok := r.masks[name]
	if !ok {
		return nil, radnode.Errorf(radnode.Internal, "preprocess", "mask %q is not there", name)
	}
	cur, err := r.pixels()
	if err != nil {
		return nil, err
	}
	if m.toSource == r.cur.toSource && m.buf.rows == cur.rows && m.buf.columns == cur.columns {
		return m.buf.hold(), nil
	}
	return r.warpMask(m, cur)
}

func (r *run) warpMask(m picture, cur *buffer) (*buffer, error) {
	out, err := r.like(cur, gocv.MatTypeCV8U)
	if err != nil {
		return nil, err
	}
	warp(m.buf, out, m.toSource.Inverse().After(r.cur.toSource), gocv.InterpolationNearestNeighbor, 0)
	return out, out.check()
}

// optionalMask returns the mask of parameter "mask", nil if it is not given,
// and its pixels. An empty mask is an error that says so.
func (r *run) optionalMask(a args) (*buffer, []byte, error) {
	if !a.has("mask") {
		return nil, nil, nil
	}
	m, err := r.markedMask(a.text("mask"))
	if err != nil {
		return nil, nil, err
	}
	pix, err := m.bytes8()
	return m, pix, err
}

// markedMask is mask, with an error where nothing is marked.
func (r *run) markedMask(name string) (*buffer, error) {
	m, err := r.mask(name)
	if err != nil {
		return nil, err
	}
	if gocv.CountNonZero(m.mat) == 0 {
		r.w.release(m)
		return nil, radnode.Errorf(radnode.Invalid, "preprocess", "mask %q is empty: the segmentation before it found nothing", name)
	}
	return m, nil
}
