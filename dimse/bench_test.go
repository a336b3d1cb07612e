package dimse_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

// BenchmarkReceive measures the way of an object from the socket to a handler
// that drops it; sender and receiver share the machine.
func BenchmarkReceive(b *testing.B) {
	discard := storeFunc(func(_ context.Context, _ *dimse.StoreRequest, data io.Reader) error {
		_, err := io.Copy(io.Discard, writerToOnly{data.(io.WriterTo)})
		return err
	})
	for _, size := range []int{4 << 10, 42 << 10, 512 << 10, 10 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			address, _ := startServer(b, dimse.ServerConfig{Store: discard})
			c := dial(b, address, dimse.StorageContexts(object("")))
			data := make([]byte, size)
			r := bytes.NewReader(data)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(data)
				if rsp, err := c.Store(context.Background(), object("1.2.3"), r); err != nil || rsp.Status != dimse.StatusSuccess {
					b.Fatal(rsp, err)
				}
			}
		})
	}
}

// writerToOnly hides everything but WriteTo.
type writerToOnly struct{ io.WriterTo }

func (writerToOnly) Read([]byte) (int, error) { panic("copied by Read") }

// BenchmarkReceiveBeside measures several associations at once.
func BenchmarkReceiveBeside(b *testing.B) {
	var got atomic.Int64
	address, _ := startServer(b, dimse.ServerConfig{Store: storeFunc(func(_ context.Context, _ *dimse.StoreRequest, data io.Reader) error {
		n, err := io.Copy(io.Discard, data)
		got.Add(n)
		return err
	})})
	data := make([]byte, 512<<10)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		c := dial(b, address, dimse.StorageContexts(object("")))
		r := bytes.NewReader(data)
		for pb.Next() {
			r.Reset(data)
			if _, err := c.Store(context.Background(), object("1.2.3"), r); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkAssociations measures opening and releasing.
func BenchmarkAssociations(b *testing.B) {
	address, _ := startServer(b, dimse.ServerConfig{})
	b.ReportAllocs()
	for b.Loop() {
		c, err := dimse.Dial(context.Background(), address, dimse.ClientConfig{CallingAE: "TEST", CalledAE: "RADNODE"}, dimse.VerificationContexts())
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Release(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFind measures a query with 1000 matches.
func BenchmarkFind(b *testing.B) {
	a := newArchive(b, 1000, 0, 0)
	address, _ := startServer(b, a.config())
	c := dial(b, address, dimse.QueryContexts(dimse.StudyRootFind, dimse.QueryOptions{}))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if _, err := c.Find(context.Background(), dimse.StudyRootFind, studyIdentifier(""), func(*dicom.Dataset) error {
			n++
			return nil
		}); err != nil || n != 1000 {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkGet measures a study of 100 instances of 0.5 MB over C-GET.
func BenchmarkGet(b *testing.B) {
	a := newArchive(b, 1, 100, 512<<10)
	address, _ := startServer(b, a.config())
	c := dial(b, address, dimse.GetContexts(dimse.StudyRootGet, []radnode.UID{secondaryCapture}, []radnode.UID{dimse.ExplicitVRLittleEndian}))
	discard := storeFunc(func(_ context.Context, _ *dimse.StoreRequest, data io.Reader) error {
		_, err := io.Copy(io.Discard, data)
		return err
	})
	b.SetBytes(100 * 512 << 10)
	for b.Loop() {
		if got, err := c.Get(context.Background(), dimse.StudyRootGet, studyIdentifier("1.2.826.1.1"), discard, nil); err != nil || got.SubOperations.Completed != 100 {
			b.Fatal(got, err)
		}
	}
}
