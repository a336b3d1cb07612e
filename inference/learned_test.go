package inference_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/inference"
	"github.com/radnode/radnode/models"
)

// typicalSize is the number of features of the test model.
const typicalSize = 16

// typicalFile describes images by a mean and a whitening that are not trivial.
func typicalFile(values []float32) []byte {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, values); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func typicalManifest(file []byte) string {
	return fmt.Sprintf("typical: {file: typical.f32, digest: %q, size: %d, limit: 1.5, outside: refuse, evaluation: none}\noutputs:\n  features: features\n", digest(file), typicalSize)
}

func TestTheDistanceFromTypicalImagesIsTheOneNumPyFinds(t *testing.T) {
	values := noise(typicalSize * (typicalSize + 1))
	file := typicalFile(values)
	m, err := altered(t, mustOpen(t), map[string]string{
		"outputs:\n": typicalManifest(file),
	}, nil, map[string][]byte{"typical.f32": file})
	if err != nil {
		t.Fatal(err)
	}
	image := noise(32 * 32)
	out, err := m.Run(context.Background(), 2, append(slices.Clone(image), corner()...))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		features, _ := out.Of(models.Features, i)
		got, ok := m.Distance(out, i)
		if want := numpyDistance(t, values, features); !ok || math.Abs(got-want) > 1e-6*want {
			t.Errorf("image %d: %v, NumPy says %v", i, got, want)
		}
	}
}

func numpyDistance(t *testing.T, values, features []float32) float64 {
	t.Helper()
	in, err := json.Marshal(map[string]any{"v": values, "f": features})
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/usr/bin/python3", "-c", `import json,sys,numpy as np
d=json.load(sys.stdin);f=np.float32(d["f"]).astype(float);v=np.float32(d["v"]).astype(float);n=len(f)
print(np.linalg.norm(v[n:].reshape(n,n)@(f-v[:n]))/np.sqrt(n))`)
	c.Stdin = bytes.NewReader(in)
	got, err := c.Output()
	if err != nil {
		t.Skipf("python3-numpy is not there: %v", err)
	}
	var v float64
	if _, err := fmt.Sscan(string(got), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestADescriptionOfAnotherSizeOrWithoutNumbersIsRefused(t *testing.T) {
	bad := slices.Repeat([]float32{float32(math.NaN())}, typicalSize*(typicalSize+1))
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"half a file":   {typicalFile(bad[:10]), "has 40 bytes, 16 features need 1088"},
		"not a number":  {typicalFile(bad), "a value that is no number"},
		"another shape": {typicalFile(noise(9 * 8)), "features"},
	} {
		t.Run(name, func(t *testing.T) {
			text := typicalManifest(tt.file)
			if name == "another shape" {
				text = strings.Replace(text, "size: 16", "size: 8", 1)
			}
			_, err := altered(t, mustOpen(t), map[string]string{"outputs:\n": text}, nil, map[string][]byte{"typical.f32": tt.file})
			if radnode.CodeOf(err) != radnode.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTheSpreadHoldsTheAnswersToTheDisturbedImages(t *testing.T) {
	m, err := altered(t, mustOpen(t), map[string]string{
		"outputs:\n": "disturb: [{flip: vertical}, {shift_rows: 0.25}, {gamma: 2}]\noutputs:\n",
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	image := corner()
	spread, err := m.Spread(context.Background(), image)
	if err != nil {
		t.Fatal(err)
	}
	flipped, shifted := make([]float32, 32*32), make([]float32, 32*32)
	for r := range 32 {
		copy(flipped[(31-r)*32:(32-r)*32], image[r*32:(r+1)*32])
		copy(shifted[r*32:(r+1)*32], image[max(r-8, 0)*32:])
	}
	bent := image // zeros and ones stay
	var low, high [4]float64
	for j := range low {
		low[j], high[j] = 1, 0
	}
	for _, one := range [][]float32{image, flipped, shifted, bent} {
		out, err := m.Run(context.Background(), 1, one)
		if err != nil {
			t.Fatal(err)
		}
		for j, p := range out.Summary {
			low[j], high[j] = min(low[j], float64(p)), max(high[j], float64(p))
		}
	}
	for j, got := range spread {
		if math.Abs(got.Low-low[j]) > 1e-6 || math.Abs(got.High-high[j]) > 1e-6 || got.Runs != 4 {
			t.Errorf("label %d: %+v, want %v..%v over 4 runs", j, got, low[j], high[j])
		}
	}
	if spread[1].High-spread[1].Low < 0.1 {
		t.Error("the upper half of a flipped film should be another; the test proves nothing")
	}
}

// TestHidingPartsShowsTheLesionInItsCorner draws the lesion into each corner of
// the image and looks for it with both methods.
func TestHidingPartsShowsTheLesionInItsCorner(t *testing.T) {
	for name, text := range map[string]string{
		"occlusion": "explain: {method: occlusion, patch: 8, stride: 4}\n",
		"RISE":      "explain: {method: rise, masks: 600, cells: 5, keep: 0.5}\n",
	} {
		t.Run(name, func(t *testing.T) {
			m, err := altered(t, mustOpen(t), map[string]string{"  heatmap: cam\n": "", "labels:\n": text + "labels:\n"}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			for at := range 4 {
				hot, far := lesionCells(t, m, at)
				if hot < 200 || far > hot/2 {
					t.Errorf("corner %d: the lesion's place has %d, the far corner %d of 255", at, hot, far)
				}
			}
		})
	}
}

// lesionCells explains an image with a lesion in one corner and returns the
// largest values in that quarter of the map and in the opposite one.
func lesionCells(t *testing.T, m *inference.Model, at int) (hot, far byte) {
	t.Helper()
	image := make([]float32, 32*32)
	for r := range 6 {
		for c := range 6 {
			row, column := 1+r, 1+c
			if at >= 2 {
				row = 30 - r
			}
			if at%2 == 1 {
				column = 30 - c
			}
			image[row*32+column] = 1
		}
	}
	ctx := context.Background()
	out, err := m.Run(ctx, 1, image)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Explain(ctx, image, out); err != nil {
		t.Fatal(err)
	}
	h := findings(t, m, out, inference.Placement{Width: 32, Height: 32})[3].Heatmap
	for i, v := range h.Values {
		quarter := 0
		if i/h.Columns >= h.Rows/2 {
			quarter += 2
		}
		if i%h.Columns >= h.Columns/2 {
			quarter++
		}
		switch quarter {
		case at:
			hot = max(hot, v)
		case 3 - at:
			far = max(far, v)
		}
	}
	return hot, far
}

func TestMapsThatTakeTooLongLeaveTheAnswerAsItIs(t *testing.T) {
	m, err := altered(t, mustOpen(t), map[string]string{"  heatmap: cam\n": "", "labels:\n": "explain: {method: rise, masks: 2048, cells: 5, keep: 0.5}\nlabels:\n"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := mustRun(t, m, corner())
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := m.Explain(ctx, corner(), out); radnode.CodeOf(err) != radnode.Canceled || out.HeatRows != 0 || len(out.Heat) != 0 {
		t.Errorf("got %v, %d rows", err, out.HeatRows)
	}
}
