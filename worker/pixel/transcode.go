package pixel

import (
	"context"
	"io"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/worker"
)

// transcode writes the codestream of one frame in another transfer syntax to a
// file.
func (s *server) transcode(ctx context.Context, r worker.TranscodeRequest) (worker.TranscodeInfo, error) {
	const op = "transcode frame"
	if r.Syntax == dicom.ExplicitVRLittleEndian {
		info, err := s.frameValues(ctx, worker.FrameRequest{Path: r.Path, Frame: r.Frame, Out: r.Out})
		return worker.TranscodeInfo{FrameInfo: info}, err
	}
	src, release, err := s.opened.frame(r.Path, r.Frame)
	if err != nil {
		return worker.TranscodeInfo{}, err
	}
	defer release()
	defer s.frame.trim()
	if src.image == nil {
		return worker.TranscodeInfo{}, radnode.Errorf(radnode.Unsupported, op, "a picture without DICOM header has no transfer syntax")
	}
	im, fr := src.image, &s.frame.stored
	if im.TransferSyntax == r.Syntax {
		stream, err := im.Coded(r.Frame-1, nil)
		if err != nil {
			return worker.TranscodeInfo{}, err
		}
		info := worker.TranscodeInfo{FrameInfo: frameInfo(im.Describe(r.Frame-1), int64(len(stream))), Stored: true}
		info.Photometric = im.Photometric
		return info, writeBytes(r.Out, stream)
	}
	if im.BitsAllocated%8 != 0 {
		return worker.TranscodeInfo{}, radnode.Errorf(radnode.Unsupported, op, "frames of %d bits allocated are not written in another syntax", im.BitsAllocated)
	}
	if err := im.Decode(ctx, r.Frame-1, fr); err != nil {
		return worker.TranscodeInfo{}, err
	}
	stream, err := pixel.Encode(ctx, r.Syntax, fr, nil)
	if err != nil {
		return worker.TranscodeInfo{}, err
	}
	as := pixel.EncodedAs(r.Syntax, fr)
	return worker.TranscodeInfo{Lossy: as.Lossy, FrameInfo: worker.FrameInfo{
		Rows: fr.Rows, Columns: fr.Columns, Samples: fr.Samples, BitsAllocated: fr.BitsAllocated, BitsStored: fr.BitsStored,
		Signed: fr.Signed, Photometric: as.Photometric, Size: int64(len(stream)),
	}}, writeBytes(r.Out, stream)
}

func writeBytes(path string, b []byte) error {
	return writeFile(path, func(w io.Writer) error { _, err := w.Write(b); return err })
}
