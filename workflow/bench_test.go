package workflow_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/workflow"
)

// The ingest rate against the least a durable receiver could do: one file
// each, synced, renamed, the folder synced, and no index. Run both in one go:
//
//	go test ./workflow -run '^$' -bench Durable -benchtime 4000x
//
// Instances come in blocks of ten of one study, as from many modalities.
func BenchmarkDurable(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"42KB", 42 << 10}, {"512KB", 512 << 10}} {
		for _, senders := range []int{16, 1} {
			name := fmt.Sprintf("%s@%d", size.name, senders)
			b.Run("sink-fsync/"+name, func(b *testing.B) { benchmarkSink(b, size.bytes, senders) })
			b.Run("ingest/"+name, func(b *testing.B) { benchmarkIngest(b, size.bytes, senders) })
		}
	}
}

// objects are the encoded data sets of n instances, made one after the other
// from one template: only the UIDs differ.
type objects struct {
	template []byte
	next     atomic.Int64
}

const (
	studyMark = "2.25.1000000000000000000"
	sopMark   = "2.25.2000000000000000000"
)

func newObjects(b *testing.B, size int) *objects {
	d := image{study: studyMark, series: "2.25.3", sop: sopMark}.dataset()
	d.SetBytes(dicom.PixelDataTag, "OB", bytes.Repeat([]byte{7}, size))
	var buf bytes.Buffer
	if err := dicom.Write(&buf, d, explicitLE); err != nil {
		b.Fatal(err)
	}
	return &objects{template: buf.Bytes()}
}

// take gives the next object: its UID and its bytes.
func (o *objects) take(into []byte) (radnode.UID, []byte) {
	n := o.next.Add(1)
	into = append(into[:0], o.template...)
	sop := fmt.Sprintf("2.25.2%018d", n)
	copy(into[bytes.Index(into[:2048], []byte(studyMark)):], fmt.Sprintf("2.25.1%018d", n/10))
	copy(into[bytes.Index(into[:2048], []byte(sopMark)):], sop)
	return radnode.UID(sop), into
}

// senders runs n goroutines until b.N objects are taken.
func senders(b *testing.B, n int, o *objects, send func(radnode.UID, []byte) error) {
	b.SetBytes(int64(len(o.template)))
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			var buf []byte
			for left.Add(-1) >= 0 {
				var uid radnode.UID
				uid, buf = o.take(buf)
				if err := send(uid, buf); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "instances/s")
}

// benchDir is a folder on a real disk when BENCH_ROOT names one.
func benchDir(b *testing.B) string {
	root := os.Getenv("BENCH_ROOT")
	if root == "" {
		return b.TempDir()
	}
	dir, err := os.MkdirTemp(root, "durable")
	if err != nil {
		b.Fatal(err)
	}
	return dir
}

func benchmarkSink(b *testing.B, size, n int) {
	dir := benchDir(b)
	var seq atomic.Int64
	bufs := sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 256<<10) }}
	senders(b, n, newObjects(b, size), func(uid radnode.UID, data []byte) error {
		sub := filepath.Join(dir, fmt.Sprintf("%02x", seq.Add(1)&0xff))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return err
		}
		tmp := filepath.Join(sub, string(uid)+".part")
		f, err := os.Create(tmp)
		if err != nil {
			return err
		}
		w := bufs.Get().(*bufio.Writer)
		w.Reset(f)
		defer bufs.Put(w)
		if _, err := w.Write(data); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		if err := os.Rename(tmp, filepath.Join(sub, string(uid)+".dcm")); err != nil {
			return err
		}
		d, err := os.Open(sub)
		if err != nil {
			return err
		}
		defer d.Close()
		return d.Sync()
	})
}

func benchmarkIngest(b *testing.B, size, n int) {
	ctx := context.Background()
	st, err := store.Open(ctx, store.Options{Dir: benchDir(b), Exclusive: true, Schemas: workflow.Schemas()})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	w := workflow.New(workflow.Options{Store: st, AE: "RADNODE"})
	senders(b, n, newObjects(b, size), func(uid radnode.UID, data []byte) error {
		return w.Ingest(ctx, from, explicitLE, crStorage, uid, bytes.NewReader(data))
	})
}
