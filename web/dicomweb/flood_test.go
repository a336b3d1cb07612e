package dicomweb_test

import (
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// heapPeak watches how much memory work takes.
func heapPeak(work func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	var peak atomic.Uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
	}()
	work()
	close(done)
	<-stopped
	return max(peak.Load(), before) - before
}

// TestMetadataThatUnfoldDoNotTakeTheMemory: a short text can describe very many
// things.
func TestMetadataThatUnfoldDoNotTakeTheMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("sends long bodies")
	}
	const one, all = 16<<20 - 1000, 64<<20 - 1000 // what one instance may have, and what a request may
	for name, c := range map[string]struct {
		size                   int
		kind, head, part, tail string
	}{
		"empty data sets": {all, "application/dicom+json", "[{}", ",{}", "]"},
		"values":          {one, "application/dicom+json", `[{"00280010":{"vr":"US","Value":[1`, ",1", "]}}]"},
		"items":           {one, "application/dicom+json", `[{"00081115":{"vr":"SQ","Value":[{}`, ",{}", "]}}]"},
		"attributes":      {one, "application/dicom+xml", "<NativeDicomModel>", "<DicomAttribute/>", "</NativeDicomModel>"},
		"depth":           {one, "application/dicom+json", `[{"00081115":{"vr":"SQ","Value":`, "[", "]}}]"},
	} {
		body := c.head + strings.Repeat(c.part, (c.size-len(c.head)-len(c.tail))/len(c.part)) + c.tail
		a := &archive{}
		var code int
		peak := heapPeak(func() {
			code = ask(a, http.MethodPost, "/studies", c.kind, "", strings.NewReader(body)).Code
		})
		if code != http.StatusBadRequest || a.taken != 0 || peak > 1<<30 {
			t.Errorf("%s: %d, %d taken, %d MiB", name, code, a.taken, peak>>20)
		}
	}
}
