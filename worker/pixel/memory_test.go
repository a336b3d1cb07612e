//go:build linux

package pixel_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	display "github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/worker"
)

// measured is a worker of its own whose memory is looked at from outside.
type measured struct {
	pool *worker.Pool
	pid  string
}

// startedBy lists the processes that this one started.
func startedBy(tb testing.TB) []string {
	tb.Helper()
	var list []string
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(tasks) == 0 {
		tb.Skip("no /proc with children here")
	}
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err == nil { // a thread may have ended
			list = append(list, strings.Fields(string(b))...)
		}
	}
	return list
}

func mustMeasure(t *testing.T) measured {
	t.Helper()
	mustStart(t)
	before := startedBy(t)
	p, err := worker.Start(context.Background(), worker.Config{Command: []string{os.Args[0], "radnode-pixel"}, Library: library(t), Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range startedBy(t) {
		if name, err := os.ReadFile("/proc/" + pid + "/cmdline"); err == nil && !slices.Contains(before, pid) && bytes.Contains(name, []byte("radnode-pixel")) {
			return measured{p, pid}
		}
	}
	t.Fatal("the worker is not among the children of this process")
	return measured{}
}

// status reads a line of /proc/PID/status in bytes.
func (m measured) status(t *testing.T, name string) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/" + m.pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("no %s in the status of the worker", name)
	return 0
}

// peak runs f and returns by how much the worker's resident memory rose above
// what it held before, at its highest.
func (m measured) peak(t *testing.T, f func()) int64 {
	t.Helper()
	if err := os.WriteFile("/proc/"+m.pid+"/clear_refs", []byte("5"), 0o200); err != nil { // proc(5): VmHWM begins anew
		t.Skip("the peak of a process cannot be reset here")
	}
	idle := m.status(t, "VmRSS")
	f()
	return m.status(t, "VmHWM") - idle
}

const mostPeak = 64 << 20

// TestMalformedFilesCostTheWorkerLittle has the worker read every broken file:
// each ends in an answer or an error with a code, within a second, and with
// less than 64 MB above what the process held before.
func TestMalformedFilesCostTheWorkerLittle(t *testing.T) {
	files, err := filepath.Glob("../../../shared/dicom/malformed/*")
	if err != nil || len(files) == 0 {
		t.Skip("needs the collection of DICOM files")
	}
	m, out := mustMeasure(t), filepath.Join(t.TempDir(), "out")
	for _, path := range files {
		if st, err := os.Stat(path); err != nil || st.IsDir() {
			continue
		}
		said := "frame"
		start := time.Now()
		rise := m.peak(t, func() {
			if _, err := m.pool.Frame(context.Background(), worker.FrameRequest{Path: path, Frame: 1, Out: out}); err != nil {
				said = err.Error()
				if radnode.CodeOf(err) == radnode.Internal {
					t.Errorf("%s: %v", filepath.Base(path), err)
				}
			}
			if _, err := m.pool.Render(context.Background(), worker.RenderRequest{Path: path, Frame: 1, Out: out, Format: "jpeg"}); radnode.CodeOf(err) == radnode.Internal {
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
			if _, err := m.pool.Analyze(context.Background(), worker.AnalyzeRequest{Path: path}); err != nil {
				t.Errorf("%s: analysis: %v", filepath.Base(path), err)
			}
		})
		if took := time.Since(start); rise > mostPeak || took > 3*time.Second { // three requests, each within a second
			t.Errorf("%s: %d MB, %v", filepath.Base(path), rise>>20, took)
		}
		t.Logf("%-42s %3d MB %s", filepath.Base(path), rise>>20, said)
	}
	if s := m.pool.Stats(); s.Deaths > 0 {
		t.Errorf("the worker died %d times", s.Deaths)
	}
}

// nativeRoll writes an object of 2 GB whose samples are a hole in the file.
func nativeRoll(t *testing.T) (string, int) {
	t.Helper()
	const edge, frames = 1024, 1023
	d := rollHeader(edge, frames)
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, dicom.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	size := int64(edge * edge * 2 * frames)
	b.Write(binary.LittleEndian.AppendUint32([]byte{0xe0, 0x7f, 0x10, 0, 'O', 'W', 0, 0}, uint32(size)))
	path := filepath.Join(t.TempDir(), "native.dcm")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(b.Len())+size); err != nil {
		t.Skip("no room for a file of 2 GB with holes")
	}
	return path, frames
}

func rollHeader(edge, frames int) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.12.1")
	d.SetUID(dicom.SOPInstanceUID, "2.25.7")
	for tag, v := range map[dicom.Tag]int{dicom.Rows: edge, dicom.Columns: edge, dicom.SamplesPerPixel: 1, dicom.BitsAllocated: 16, dicom.BitsStored: 12,
		dicom.HighBit: 11, dicom.PixelRepresentation: 0, dicom.NumberOfFrames: frames} {
		d.SetInts(tag, v)
	}
	d.SetText(dicom.PhotometricInterpretation, display.Monochrome2)
	return d
}

// codedRoll writes 5,000 frames in RLE, 10 GB once decoded.
func codedRoll(t *testing.T) (string, int) {
	t.Helper()
	const edge, frames = 1024, 5_000
	fr := display.Frame{Rows: edge, Columns: edge, Samples: 1, BitsAllocated: 16, BitsStored: 12, Photometric: display.Monochrome2, Pix: make([]byte, 2*edge*edge)}
	stream, err := display.Encode(context.Background(), display.RLELossless, &fr, nil)
	if err != nil {
		t.Fatal(err)
	}
	streams := make([][]byte, frames)
	for i := range streams {
		streams[i] = stream
	}
	d := rollHeader(edge, frames)
	d.SetFragments(dicom.PixelDataTag, streams...)
	path := filepath.Join(t.TempDir(), "coded.dcm")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := dicom.WriteFile(f, d, display.RLELossless); err != nil {
		t.Fatal(err)
	}
	return path, frames
}

// TestTheWorkersMemoryFollowsTheFrame reads frames all over objects of many
// frames: its peak stays at a few frames of 2 MB.
func TestTheWorkersMemoryFollowsTheFrame(t *testing.T) {
	m, out := mustMeasure(t), filepath.Join(t.TempDir(), "out")
	for name, roll := range map[string]func(*testing.T) (string, int){"native": nativeRoll, "RLE": codedRoll} {
		path, frames := roll(t)
		rise := m.peak(t, func() {
			for _, n := range []int{1, frames / 2, frames, 2, frames - 1} {
				info, err := m.pool.Frame(context.Background(), worker.FrameRequest{Path: path, Frame: n, Out: out})
				if err != nil || info.Size != 2<<20 {
					t.Errorf("%s frame %d: %+v, %v", name, n, info, err)
				}
			}
		})
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: file of %d MB, %d frames, peak %d MB above idle", name, st.Size()>>20, frames, rise>>20)
		if rise > mostPeak/2 {
			t.Errorf("%s: %d MB for frames of 2 MB", name, rise>>20)
		}
	}
}
