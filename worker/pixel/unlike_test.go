package pixel_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode/worker"
)

// describeTypical writes a description beside the test model that calls 0.5
// grey images typical: sixteen means of 0.5, each with a deviation of 0.1.
func describeTypical(t *testing.T, folder, version string) string {
	t.Helper()
	values := make([]float32, 16*17)
	for i := range 16 {
		values[i], values[16+17*i] = 0.5, 10
	}
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, values); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "lung-test", version, "typical.f32"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(b.Bytes()))
}

func TestAnImageUnlikeThoseOfTheModelGetsNoProbability(t *testing.T) {
	folder := t.TempDir()
	for i, outside := range []string{"refuse", "warn"} {
		version := fmt.Sprintf("%d.0.0", i+2)
		mustCopy(t, folder, version, "outputs:\n", "typical: {file: typical.f32, digest: DIGEST, size: 16, limit: 2, outside: "+outside+", evaluation: none}\noutputs:\n  features: features\n")
		file := filepath.Join(folder, "lung-test", version, "manifest.yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte("DIGEST"), []byte(describeTypical(t, folder, version)), 1)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := mustStartIn(t, folder)
	path := drawLesion(t, 64, 64, 0.2, 0.2) // nearly black: five deviations away
	for version, accepted := range map[string]bool{"2.0.0": false, "3.0.0": true} {
		all, err := pool.Analyze(context.Background(), worker.AnalyzeRequest{Path: path, Models: []string{"lung-test@" + version}})
		if err != nil || len(all) != 1 {
			t.Fatalf("got %+v, %v", all, err)
		}
		a := all[0]
		if a.Gate.Accepted != accepted || accepted != (len(a.Findings) > 0) || a.Typicality == nil || a.Typicality.Distance < 2 {
			t.Errorf("%s: %+v with %d findings, %+v", version, a.Gate, len(a.Findings), a.Typicality)
		}
		if want := "the image is unlike those the model was judged on (distance "; !strings.Contains(strings.Join(a.Gate.Reasons, "; "), want) {
			t.Errorf("%s: the reasons %q do not say that", version, a.Gate.Reasons)
		}
	}
}
