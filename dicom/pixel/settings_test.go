package pixel_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// TestEveryLimitOfDecodingIsRefusedByTheNameOfItsOption opens and decodes
// objects that are larger than the limits.
func TestEveryLimitOfDecodingIsRefusedByTheNameOfItsOption(t *testing.T) {
	frames := monochrome(4, 4, 8, 8, make([]byte, 16*9))
	frames.SetInts(dicom.NumberOfFrames, 9)
	fr := pixel.Frame{Rows: 512, Columns: 512, Samples: 1, BitsAllocated: 8, BitsStored: 8, Photometric: pixel.Monochrome2, Pix: make([]byte, 512*512)}
	coded := func(ts radnode.UID) *dicom.Dataset {
		stream, err := pixel.Encode(context.Background(), ts, &fr, nil)
		if err != nil {
			t.Fatal(err)
		}
		d := monochrome(512, 512, 8, 8, nil)
		d.SetFragments(dicom.PixelDataTag, append(stream, make([]byte, len(stream)%2)...))
		return d
	}
	native := monochrome(512, 512, 8, 8, make([]byte, 512*512))
	tests := []struct {
		option string
		object *dicom.Dataset
		syntax radnode.UID
		change func(l *pixel.Limits)
	}{
		{"max_frames", frames, explicitLE, func(l *pixel.Limits) { l.Frames = 8 }},
		{"max_frame_mb", native, explicitLE, func(l *pixel.Limits) { l.FrameBytes = 512*512 - 1 }},
		{"max_frame_mb", coded(pixel.JPEGBaseline8Bit), pixel.JPEGBaseline8Bit, func(l *pixel.Limits) { l.CodedBytes = 100 }},
		{"max_work_mb", coded(pixel.JPEGBaseline8Bit), pixel.JPEGBaseline8Bit, func(l *pixel.Limits) { l.WorkBytes = 1000 }},
		{"max_expansion", coded(pixel.JPEGBaseline8Bit), pixel.JPEGBaseline8Bit, func(l *pixel.Limits) { l.FreeBytes, l.Ratio = 1000, 3 }},
		{"frame_time", coded(pixel.JPEGBaseline8Bit), pixel.JPEGBaseline8Bit, func(l *pixel.Limits) { l.FrameTime = time.Nanosecond }},
	}
	for _, tt := range tests {
		t.Run(tt.option, func(t *testing.T) {
			var b bytes.Buffer
			if err := dicom.WriteFile(&b, tt.object, tt.syntax); err != nil {
				t.Fatal(err)
			}
			f, err := dicom.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), dicom.DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			lim := pixel.DefaultLimits
			tt.change(&lim)
			im, err := pixel.Open(f, bytes.NewReader(b.Bytes()), lim)
			if err == nil {
				err = im.Decode(context.Background(), 0, new(pixel.Frame))
			}
			if radnode.CodeOf(err) != radnode.TooLarge || !strings.Contains(err.Error(), "(option "+tt.option+")") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestLimitsAreSetByName sets each limit to its default and refuses what is
// none.
func TestLimitsAreSetByName(t *testing.T) {
	for name, value := range map[string]string{"max_frames": "1048576", "max_header_mb": "128", "frame_time": "30s"} {
		if err := pixel.SetLimit(name, value); err != nil {
			t.Error(err)
		}
	}
	if pixel.DefaultLimits.Frames != 1<<20 || dicom.DefaultLimits.HeaderBytes != 128<<20 || pixel.DefaultLimits.FrameTime != 30*time.Second {
		t.Errorf("%+v %+v", pixel.DefaultLimits, dicom.DefaultLimits)
	}
	for name, value := range map[string]string{"max_frames": "0", "max_depth": "deep", "max_header_mb": "-1", "frame_time": "-1s", "max_pixels": "1", "max_value_mb": "99999999999"} {
		if err := pixel.SetLimit(name, value); radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}
