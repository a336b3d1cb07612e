package frames

import (
	"io"
	"os"
	"sync"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// mostPlaces bounds the files whose layout is kept, mostVerdicts the frames of
// all of them.
const (
	mostPlaces   = 4096
	mostVerdicts = 1 << 22
)

// natives knows which frames lie in their files just as a viewer reads them
// (PS3.5 8.1.1: native, little endian). They need no worker and no copy.
type natives struct {
	mu     sync.Mutex
	places map[string]*place
	frames int // of all places
}

// place is where the frames of one file lie.
type place struct {
	mu       sync.Mutex
	looked   bool
	layout   pixel.Layout
	verdicts []verdict // of each frame; none: the file needs the worker
}

// verdict says whether the bytes of a frame are its values.
type verdict uint8

const (
	unseen verdict = iota
	plain
	needsDecoding
)

// frame opens the values of a frame (1-based) in the file itself; nil where
// the worker has to decode them, or to say what is wrong with the file.
func (n *natives) frame(path string, inst radnode.Instance, frame int) io.ReadSeekCloser {
	p := n.place(inst)
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	if !n.isPlain(p, file, frame) {
		_ = file.Close() // opened for reading
		return nil
	}
	l := p.layout
	return &section{io.NewSectionReader(file, l.Offset+int64(frame-1)*l.Size, l.Size), file}
}

func (n *natives) isPlain(p *place, file *os.File, frame int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.looked {
		p.looked = true
		if l, ok := layoutOf(file); ok && n.room(l.Frames) {
			p.layout, p.verdicts = l, make([]verdict, l.Frames)
		}
	}
	if frame < 1 || frame > len(p.verdicts) {
		return false
	}
	v := &p.verdicts[frame-1]
	if *v == unseen {
		*v = needsDecoding
		if ok, err := p.layout.Plain(file, frame-1); ok && err == nil {
			*v = plain
		}
	}
	return *v == plain
}

// layoutOf reads the header of a file; false where its frames have to be decoded.
func layoutOf(file *os.File) (pixel.Layout, bool) {
	im, ok := openNative(file)
	if !ok {
		return pixel.Layout{}, false
	}
	return im.Layout()
}

// openNative opens an image whose pixel data no codec has touched; false where
// there is none.
func openNative(file *os.File) (*pixel.Image, bool) {
	st, err := file.Stat()
	if err != nil {
		return nil, false
	}
	object, err := dicom.Read(file, st.Size(), dicom.DefaultLimits)
	if err != nil || object.PixelData == nil || object.PixelData.Encapsulated {
		return nil, false
	}
	if ts, known := dicom.LookupTransferSyntax(object.TransferSyntax); !known || ts.Deflated {
		return nil, false // opening it would inflate it
	}
	im, err := pixel.Open(object, file, pixel.DefaultLimits)
	return im, err == nil
}

// place returns what is known of an instance.
func (n *natives) place(inst radnode.Instance) *place {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := string(inst.SOPInstanceUID) + " " + inst.Digest
	p := n.places[key]
	if p == nil {
		if n.places == nil || len(n.places) >= mostPlaces {
			n.places, n.frames = map[string]*place{}, 0
		}
		p = &place{}
		n.places[key] = p
	}
	return p
}

// room keeps the verdicts within their bound: where it is reached, all files
// are looked at anew.
func (n *natives) room(frames int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if frames > mostVerdicts {
		return false
	}
	if n.frames += frames; n.frames > mostVerdicts {
		n.places, n.frames = nil, 0
	}
	return true
}

// section is a part of a file, which it closes.
type section struct {
	*io.SectionReader
	file *os.File
}

func (s *section) Close() error { return s.file.Close() }
