package node

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

var _ dimse.Storer = (*fetcher)(nil)

// Store implements dimse.Storer: it writes the object under a temporary name
// and renames it when it is whole.
func (f *fetcher) Store(_ context.Context, req *dimse.StoreRequest, data io.Reader) error {
	const op = "C-GET"
	if !req.AffectedSOPInstanceUID.Usable() {
		return radnode.Errorf(radnode.Invalid, op, "the SOP Instance UID is no UID")
	}
	path := f.path(req.AffectedSOPInstanceUID)
	file, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return radnode.Errorf(radnode.NoResources, op, "%w", err)
	}
	n, err := writeObject(file, req, data)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		_ = os.Remove(path + ".part") // the first error counts
		return radnode.Errorf(radnode.NoResources, op, "%w", err)
	}
	f.got(Fetched{File: path, SOPInstanceUID: req.AffectedSOPInstanceUID, Bytes: n})
	return nil
}

func writeObject(file io.Writer, req *dimse.StoreRequest, data io.Reader) (int64, error) {
	if err := dicom.WriteMeta(file, dicom.Meta{
		SOPClassUID: req.AffectedSOPClassUID, SOPInstanceUID: req.AffectedSOPInstanceUID, TransferSyntaxUID: req.TransferSyntaxUID,
	}); err != nil {
		return 0, err
	}
	return io.Copy(file, data)
}
