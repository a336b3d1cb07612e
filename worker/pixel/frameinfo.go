package pixel

import (
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/worker"
)

// frameInfo describes the file that the frame operation writes.
func frameInfo(d pixel.Description, size int64) worker.FrameInfo {
	return worker.FrameInfo{
		Rows: d.Rows, Columns: d.Columns, Samples: d.Samples, BitsAllocated: d.BitsAllocated, BitsStored: d.BitsStored,
		Signed: d.Signed, Float: d.Float, Photometric: d.Photometric, Size: size,
	}
}
