package pixel

import (
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// headBytes and tailBytes are what the codecs need of a fragment to see
// whether a frame begins or ends there.
const (
	headBytes = rleHeader
	tailBytes = 16
)

// indexFrames assigns the fragments to frames (PS3.5 A.4): by the extended or
// basic offset table, else by number, else by the marks of the codestreams.
func (im *Image) indexFrames() error {
	frags := im.data.Fragments
	if len(frags) == 0 {
		return radnode.Errorf(radnode.Invalid, opOpen, "encapsulated pixel data hold no fragment")
	}
	if starts, ok := im.tableStarts(); ok {
		im.index = starts
	} else if im.Frames == 1 {
		im.index = []int{0}
	} else if im.Frames == len(frags) {
		im.index = make([]int, len(frags))
		for i := range im.index {
			im.index[i] = i
		}
	} else if err := im.scanFrames(); err != nil {
		return err
	}
	im.index = append(im.index, len(frags))
	if n := im.Frames + 1; len(im.index) > n { // more frames in the table than declared
		im.index = im.index[:n]
	}
	return nil
}

// tableStarts returns the first fragment of each frame by the offset tables.
// A table that contradicts the fragments is reported and not used.
func (im *Image) tableStarts() ([]int, bool) {
	offsets := im.data.ExtendedOffsets
	if len(offsets) == 0 {
		for _, o := range im.data.BasicOffsets {
			offsets = append(offsets, uint64(o))
		}
	}
	if len(offsets) == 0 {
		return nil, false
	}
	starts, ok := matchOffsets(offsets, im.data.Fragments)
	if !ok || len(offsets) < im.Frames {
		im.warn("the offset table does not fit the fragments and was not used")
		return nil, false
	}
	if len(offsets) > im.Frames {
		im.warn("the offset table names %d frames, the header %d", len(offsets), im.Frames)
	}
	return starts, true
}

// matchOffsets finds the fragment at each offset: offsets count from the tag
// of the first fragment's item to the tag of another.
func matchOffsets(offsets []uint64, frags []dicom.Fragment) ([]int, bool) {
	starts := make([]int, 0, len(offsets))
	k := 0
	for i, o := range offsets {
		for k < len(frags) && uint64(frags[k].Offset-frags[0].Offset) < o {
			k++
		}
		if k == len(frags) || uint64(frags[k].Offset-frags[0].Offset) != o || i == 0 && k != 0 {
			return nil, false
		}
		starts = append(starts, k)
		k++
	}
	return starts, true
}

// scanFrames finds the frames by the marks of the codestreams.
func (im *Image) scanFrames() error {
	frags := im.data.Fragments
	var both, begun []int
	ended := true
	head, tail := make([]byte, headBytes), make([]byte, tailBytes)
	for i, f := range frags {
		h := head[:min(f.Length, headBytes)]
		if err := im.readAt(h, f.Offset); err != nil {
			return err
		}
		if im.codec.Starts != nil && im.codec.Starts(h, im.coded()) {
			begun = append(begun, i)
			if ended {
				both = append(both, i)
			}
		}
		if im.codec.Ends == nil {
			continue
		}
		t := tail[:min(f.Length, tailBytes)]
		if err := im.readAt(t, f.Offset+f.Length-int64(len(t))); err != nil {
			return err
		}
		ended = im.codec.Ends(t)
	}
	for _, starts := range [][]int{both, begun} {
		if len(starts) == im.Frames && starts[0] == 0 {
			im.index = starts
			return nil
		}
	}
	return radnode.Errorf(radnode.Invalid, opOpen, "%d fragments without offset table cannot be divided into %d frames", len(frags), im.Frames)
}

// Coded returns the codestream of frame n of an encapsulated object, its
// fragments joined, in buf if it is large enough. It is what transfer syntaxes
// that are not decoded here are handed on as.
func (im *Image) Coded(n int, buf []byte) ([]byte, error) {
	if im.codec == nil || n < 0 || n >= im.Frames {
		return nil, radnode.Errorf(radnode.NotFound, opDecode, "there is no codestream of frame %d", n+1)
	}
	frags := im.data.Fragments[im.index[n]:im.index[n+1]]
	total := int64(0)
	for _, f := range frags {
		if total += f.Length; f.Length < 0 || total > im.lim.CodedBytes {
			return nil, radnode.Errorf(radnode.TooLarge, opDecode, "the codestream of a frame exceeds the limit of %d bytes (option max_frame_mb)", im.lim.CodedBytes)
		}
	}
	buf = grow(buf, int(total))
	at := buf
	for _, f := range frags {
		if err := im.readAt(at[:f.Length], f.Offset); err != nil {
			return nil, err
		}
		at = at[f.Length:]
	}
	// PS3.3 C.7.6.3.1.8: the extended table knows the length without padding,
	// which is one byte at most.
	if l := im.data.ExtendedLengths; len(frags) == 1 && len(l) > n && l[n]+1 == uint64(total) {
		buf = buf[:l[n]]
	}
	return buf, nil
}
