//go:build cgo

package pixel_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/dicom/pixel/charls"
	"github.com/radnode/radnode/dicom/pixel/openjpeg"
)

// TestMain registers the C codecs as the pixel worker does.
func TestMain(m *testing.M) {
	for _, c := range []pixel.Codec{openjpeg.Codec(), charls.Codec()} {
		if err := pixel.Register(c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	os.Exit(m.Run())
}
