package node

import (
	"context"
	"encoding/binary"
	"io"
	"os"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/worker"
)

// egress turns stored files into objects for peers.
type egress struct{ pool *worker.Pool }

// object makes a stored instance ready to be sent, as stored first.
func (e egress) object(o store.StoredObject) dimse.Object {
	return dimse.Object{
		SOPClassUID: o.SOPClassUID, SOPInstanceUID: o.SOPInstanceUID, Syntaxes: []radnode.UID{o.TransferSyntaxUID},
		Open: func(context.Context, radnode.UID) (io.ReadCloser, error) { return openDataSet(o.Path) },
	}
}

// openDataSet opens the data set of a file of ours: behind the preamble, the
// prefix and the file meta information, whose length its first element tells
// (PS3.10 7.1).
func openDataSet(path string) (io.ReadCloser, error) {
	const op = "open instance"
	f, err := os.Open(path)
	if err != nil {
		return nil, radnode.Errorf(radnode.NotFound, op, "the file of an instance cannot be opened: %w", err)
	}
	var head [144]byte
	if _, err = io.ReadFull(f, head[:]); err == nil {
		if string(head[128:140]) != "DICM\x02\x00\x00\x00UL\x04\x00" {
			err = radnode.Errorf(radnode.Internal, op, "the file of an instance does not begin as this node writes it")
		} else {
			_, err = f.Seek(int64(len(head))+int64(binary.LittleEndian.Uint32(head[140:])), io.SeekStart)
		}
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}
