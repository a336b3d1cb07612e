package dicomjson

import (
	"bytes"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// inlineBytes is the length up to which binary values of metadata are inline.
const inlineBytes = 1 << 10

// AnyBase stands for an address that is not known yet; Rebase puts one in its
// place.
const AnyBase = "\x01"

// anyReference begins a reference below AnyBase as it is written. No value can
// look like it: the quotation marks of a text are escaped.
var anyReference = []byte(`"BulkDataURI":"\u0001`)

// Rebase makes the references of metadata that were written below AnyBase begin
// with base, an address.
func Rebase(text []byte, base string) []byte {
	return bytes.ReplaceAll(text, anyReference, []byte(`"BulkDataURI":"`+base))
}

// Metadata is what an instance says of itself, without bulk data (PS3.18
// 10.4.1.1.2), and how it becomes text: references begin with base, the address
// of the service.
func Metadata(f *dicom.File, base string) (*dicom.Dataset, Options) {
	d := f.Dataset
	// Offsets into the stored form mean nothing to a client.
	d.Remove(dicom.ExtendedOffsetTable)
	d.Remove(dicom.ExtendedOffsetTableLengths)
	d.SetUID(dicom.AvailableTransferSyntaxUID, f.TransferSyntax)
	at := base + "/studies/" + string(address(d, dicom.StudyInstanceUID)) + "/series/" + string(address(d, dicom.SeriesInstanceUID)) +
		"/instances/" + string(address(d, dicom.SOPInstanceUID)) + "/bulkdata/"
	o := Options{Inline: inlineBytes, Bulk: func(path string) string { return at + path }}
	if f.PixelData != nil {
		o.Pixels, o.PixelsVR = f.PixelData.Tag, f.PixelData.VR
	}
	return d, o
}

// address is a UID that may stand in an address.
func address(d *dicom.Dataset, t dicom.Tag) radnode.UID {
	if uid := d.UID(t); uid.Valid() {
		return uid
	}
	return "0"
}
