package worker

import (
	"math"
	"testing"
)

func TestATensorThatAWorkerPlacesOutsideTheSharedMemoryIsRefused(t *testing.T) {
	s := &slot{proc: &process{shared: make([]byte, sharedSize)}}
	batch := func() []*call { return []*call{{infer: &InferRequest{Images: 1}}} }
	for name, tensor := range map[string]Tensor{
		"before the outputs":  {Offset: 0, Bytes: 4, Shape: []int64{1}},
		"behind the end":      {Offset: sharedSize, Bytes: 4, Shape: []int64{1}},
		"a sum that wraps":    {Offset: math.MaxInt, Bytes: 8, Shape: []int64{1}},
		"negative":            {Offset: OutputOffset, Bytes: -4, Shape: []int64{1}},
		"a huge length":       {Offset: OutputOffset, Bytes: math.MaxInt, Shape: []int64{1}},
		"of no image":         {Offset: OutputOffset, Bytes: 4},
		"of too many of them": {Offset: OutputOffset, Bytes: 4, Shape: []int64{2}},
	} {
		if err := s.handOut(batch(), 1, InferResult{Outputs: []Tensor{tensor}}); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	if err := s.handOut(batch(), 1, InferResult{Outputs: []Tensor{{Offset: OutputOffset, Bytes: 4, Shape: []int64{1, 1}}}}); err != nil {
		t.Error(err)
	}
}
