package pixel_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// Example decodes and renders the only frame of an object.
func Example() {
	d := monochrome(2, 2, 16, 12, words(0, 1000, 2000, 4095))
	d.SetFloats(dicom.WindowCenter, 2048)
	d.SetFloats(dicom.WindowWidth, 4096)
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, explicitLE); err != nil {
		fmt.Println(err)
		return
	}
	r := bytes.NewReader(b.Bytes())
	f, err := dicom.Read(r, r.Size(), dicom.DefaultLimits)
	if err != nil {
		fmt.Println(err)
		return
	}
	im, err := pixel.Open(f, r, pixel.DefaultLimits)
	if err != nil {
		fmt.Println(err)
		return
	}
	var fr pixel.Frame
	if err := im.Decode(context.Background(), 0, &fr); err != nil {
		fmt.Println(err)
		return
	}
	grey := make([]byte, im.Rows*im.Columns*im.DisplaySamples())
	if err := im.Display8(&fr, 0, nil, grey); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(im.Windows(0)[0].Function, grey)
	// Output: LINEAR [0 62 125 255]
}
