package pixel_test

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// tensor makes n random images of the test model.
func tensor(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	raw := make([]byte, 0, n*32*32*4)
	for range n * 32 * 32 {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(r.Float32()))
	}
	return raw
}

func TestTensorsOfManyCallersAreRunTogetherAndNeverMixedUp(t *testing.T) {
	p := mustStart(t)
	ctx := context.Background()
	alone := map[uint64][]byte{}
	for seed := range uint64(40) {
		r, err := p.Infer(ctx, worker.InferRequest{Model: "lung-test", Images: int(seed%3) + 1, Input: tensor(seed, int(seed%3)+1)})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Outputs) != 2 || r.Outputs[0].Name != "probabilities" || r.Outputs[1].Shape[3] != 4 || r.Device != "cpu" || r.Model.Version != "1.0.0" {
			t.Fatalf("got %+v", r)
		}
		alone[seed] = r.Outputs[0].Data
	}
	var wg sync.WaitGroup
	for range 5 {
		for seed := range uint64(40) {
			wg.Go(func() {
				n := int(seed%3) + 1
				r, err := p.Infer(ctx, worker.InferRequest{Model: "lung-test@1.0.0", Images: n, Input: tensor(seed, n)})
				if err != nil {
					t.Error(err)
					return
				}
				if !near(alone[seed], r.Outputs[0].Data) || r.Outputs[0].Shape[0] != int64(n) {
					t.Errorf("request %d got another's answer", seed)
				}
			})
		}
	}
	wg.Wait()
	s := p.Stats()
	if s.BatchImages < 240 {
		t.Errorf("stats %+v", s)
	}
	t.Log(s.BatchStats())
}

func near(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i += 4 {
		x := math.Float32frombits(binary.LittleEndian.Uint32(a[i:]))
		y := math.Float32frombits(binary.LittleEndian.Uint32(b[i:]))
		if math.Abs(float64(x-y)) > 1e-6 {
			return false
		}
	}
	return true
}

func TestTensorsThatDoNotFitAreRefused(t *testing.T) {
	p := mustStart(t)
	tests := map[string]struct {
		request worker.InferRequest
		want    radnode.Code
	}{
		"no image":           {worker.InferRequest{Model: "lung-test", Input: tensor(1, 1)}, radnode.Invalid},
		"another size":       {worker.InferRequest{Model: "lung-test", Images: 1, Input: tensor(1, 2)}, radnode.Invalid},
		"too many images":    {worker.InferRequest{Model: "lung-test", Images: 33, Input: tensor(1, 33)}, radnode.TooLarge},
		"an unknown model":   {worker.InferRequest{Model: "nobody", Images: 1, Input: tensor(1, 1)}, radnode.NotFound},
		"an unknown version": {worker.InferRequest{Model: "lung-test@9.0.0", Images: 1, Input: tensor(1, 1)}, radnode.NotFound},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := p.Infer(context.Background(), tt.request); radnode.CodeOf(err) != tt.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestACallerThatGivesUpDoesNotDisturbTheOthers(t *testing.T) {
	p := mustStart(t)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if i%3 == 0 {
				timer := time.AfterFunc(time.Duration(i)*100*time.Microsecond, cancel)
				defer timer.Stop()
			}
			_, err := p.Infer(ctx, worker.InferRequest{Model: "lung-test", Images: 1, Input: tensor(uint64(i), 1)})
			if i%3 != 0 && err != nil || err != nil && radnode.CodeOf(err) != radnode.Canceled {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if s := p.Stats(); s.Deaths != 0 || s.Waiting != 0 {
		t.Errorf("stats %+v", s)
	}
}

func BenchmarkInferOverTheWorker(b *testing.B) {
	p := mustStart(b)
	input := tensor(1, 1)
	if err := p.Ready(context.Background()); err != nil { // the models are loaded
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.Infer(context.Background(), worker.InferRequest{Model: "lung-test", Images: 1, Input: input}); err != nil {
			b.Fatal(err)
		}
	}
}
