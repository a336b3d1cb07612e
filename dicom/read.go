package dicom

import (
	"io"

	"github.com/radnode/radnode"
)

func readFile(r io.ReaderAt, size int64, lim Limits) (*File, error) {
	return nil, radnode.Errorf(radnode.Internal, "read", "")
}
func readHeader(r io.Reader, ts radnode.UID, lim Limits) (*Dataset, error) {
	return nil, radnode.Errorf(radnode.Internal, "read", "")
}
func (f *File) PixelReader(r io.ReaderAt, size int64, lim Limits) (io.ReaderAt, error) {
	return nil, radnode.Errorf(radnode.Internal, "read", "")
}
