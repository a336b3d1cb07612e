package pixel

import (
	"os"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// mostOpened bounds the multi-frame objects that are kept open: as many
// readers as leaf through one at a time.
const mostOpened = 4

// opened keeps multi-frame objects open from request to request, so that the
// header is read once and not for each frame.
type opened struct {
	list []*source // the one used last stands last
}

// frame opens the image at path, checks the frame number (from 1) and
// returns how it is let go.
func (o *opened) frame(path string, number int) (*source, func(), error) {
	src, err := o.open(path)
	if err != nil {
		return nil, nil, err
	}
	release := src.close
	if src.lasting() {
		release = func() { o.keep(src) }
	}
	if src.refused != nil {
		release()
		return nil, nil, src.refused
	}
	if number < 1 || number > src.frames() {
		release()
		return nil, nil, radnode.Errorf(radnode.NotFound, "open frame", "there is no frame %d; the object has frames 1 to %d", number, src.frames())
	}
	return src, release, nil
}

// open takes a kept object whose file is still the one at path, or opens it.
func (o *opened) open(path string) (*source, error) {
	i := slices.IndexFunc(o.list, func(s *source) bool { return s.file.Name() == path })
	if i < 0 {
		return open(path)
	}
	src := o.list[i]
	o.list = slices.Delete(o.list, i, i+1)
	now, err := os.Stat(path)
	if err == nil && os.SameFile(now, src.stat) && now.Size() == src.stat.Size() && now.ModTime().Equal(src.stat.ModTime()) {
		return src, nil
	}
	src.close()
	return open(path)
}

func (o *opened) keep(src *source) {
	if len(o.list) >= mostOpened {
		o.list[0].close()
		o.list = slices.Delete(o.list, 0, 1)
	}
	o.list = append(o.list, src)
}

// lasting reports whether it pays to keep the object open: others have one
// frame, or hold all of their inflated bytes in memory.
func (s *source) lasting() bool {
	if s.image == nil || s.image.Frames == 1 {
		return false
	}
	ts, known := dicom.LookupTransferSyntax(s.object.TransferSyntax)
	return known && !ts.Deflated
}
