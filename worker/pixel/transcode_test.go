package pixel_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	display "github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/worker"
)

// TestFramesAreTranscodedWithoutLoss asks for the film in every syntax that is
// written, and decodes what comes.
func TestFramesAreTranscodedWithoutLoss(t *testing.T) {
	p := mustStart(t)
	var want display.Frame
	if err := decodeHere(film(t), &want); err != nil {
		t.Fatal(err)
	}
	stored, err := dicom.ReadFile(film(t), dicom.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	for _, ts := range []radnode.UID{dicom.ExplicitVRLittleEndian, display.RLELossless, display.JPEGLosslessSV1, display.JPEGLSLossless, display.JPEG2000Lossless} {
		out := filepath.Join(t.TempDir(), "stream")
		info, err := p.Transcode(context.Background(), worker.TranscodeRequest{Path: film(t), Frame: 1, Syntax: ts, Out: out})
		if err != nil {
			t.Errorf("%s: %v", ts, err)
			continue
		}
		stream, err := os.ReadFile(out)
		if err != nil || int64(len(stream)) != info.Size || info.Lossy || info.Rows != want.Rows || info.BitsStored != want.BitsStored {
			t.Errorf("%s: %+v, %d bytes, %v", ts, info, len(stream), err)
		}
		got := stream
		if codec, ok := display.CodecFor(ts); ok {
			got = make([]byte, len(want.Pix))
			_, err = codec.Decode(context.Background(), stream, display.Coded{
				Rows: want.Rows, Columns: want.Columns, Samples: 1, BitsAllocated: want.BitsAllocated, Width: want.BitsAllocated, BitsStored: want.BitsStored,
			}, got)
		} else if ts == display.JPEG2000Lossless {
			continue // its decoder is registered in the worker only
		}
		if err != nil || !bytes.Equal(got, want.Pix) {
			t.Errorf("%s: other samples, %v", ts, err)
		}
		if info.Stored != (ts == stored.TransferSyntax && ts != dicom.ExplicitVRLittleEndian) {
			t.Errorf("%s: stored %v", ts, info.Stored)
		}
	}
	for name, r := range map[string]worker.TranscodeRequest{
		"12 bits as baseline": {Path: film(t), Frame: 1, Syntax: display.JPEGBaseline8Bit},
		"HTJ2K":               {Path: film(t), Frame: 1, Syntax: "1.2.840.10008.1.2.4.201"},
		"video":               {Path: film(t), Frame: 1, Syntax: "1.2.840.10008.1.2.4.102"},
	} {
		r.Out = filepath.Join(t.TempDir(), "stream")
		if _, err := p.Transcode(context.Background(), r); radnode.CodeOf(err) != radnode.Unsupported {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAFileThatChangedIsReadAnew: a multi-frame object is kept open, but only
// as long as its file is the same.
func TestAFileThatChangedIsReadAnew(t *testing.T) {
	p := mustStart(t)
	dir := t.TempDir()
	path, out := filepath.Join(dir, "object.dcm"), filepath.Join(dir, "frame")
	frame := func(n int) ([]byte, error) {
		if _, err := p.Frame(context.Background(), worker.FrameRequest{Path: path, Frame: n, Out: out}); err != nil {
			return nil, err
		}
		return os.ReadFile(out)
	}
	var before []byte
	for _, name := range []string{"image/xa_cath_12frames_jpeg_lossless.dcm", "image/enhct_bot_rle.dcm"} {
		b, err := os.ReadFile(shared(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		first, err := frame(2)
		again, err2 := frame(2)
		if err != nil || err2 != nil || !bytes.Equal(first, again) || bytes.Equal(first, before) {
			t.Errorf("%s: the same frame again %v, that of the file before %v; %v %v", name, bytes.Equal(first, again), bytes.Equal(first, before), err, err2)
		}
		if _, err := frame(99999); radnode.CodeOf(err) != radnode.NotFound {
			t.Errorf("%s: frame 99999: %v", name, err)
		}
		before = first
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := frame(1); radnode.CodeOf(err) != radnode.NotFound {
		t.Errorf("a file that is gone: %v", err)
	}
}
