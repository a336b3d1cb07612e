package pixel

import (
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/dicom/pixel/charls"
	"github.com/radnode/radnode/dicom/pixel/openjpeg"
)

// cCodecs are the codecs that link C libraries. They are added here and
// nowhere else, so that only this process carries them.
var cCodecs = []func() pixel.Codec{openjpeg.Codec, charls.Codec}

func registerCodecs() error {
	for _, c := range cCodecs {
		if err := pixel.Register(c()); err != nil {
			return err
		}
	}
	return nil
}
