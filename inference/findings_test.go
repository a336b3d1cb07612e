package inference_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"testing"

	"github.com/radnode/radnode/inference"
	"github.com/radnode/radnode/models"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func TestCalibrationFollowsItsFormula(t *testing.T) {
	isotonic := &models.Calibration{Method: "isotonic", X: []float64{0.2, 0.4, 0.8}, Y: []float64{0.1, 0.5, 0.9}}
	tests := []struct {
		name    string
		c       *models.Calibration
		p, want float64
	}{
		{"none", nil, 0.3, 0.3},
		{"temperature 1 changes nothing", &models.Calibration{Method: "temperature", Temperature: 1}, 0.3, 0.3},
		{"temperature 2 pulls to the middle", &models.Calibration{Method: "temperature", Temperature: 2}, 0.9, 0.75},
		{"platt", &models.Calibration{Method: "platt", A: 2, B: 0}, 0.75, 0.9},
		{"platt of exactly one stays a number", &models.Calibration{Method: "platt", A: 1, B: 0}, 1, 1},
		{"isotonic below", isotonic, 0.1, 0.1},
		{"isotonic at a point", isotonic, 0.4, 0.5},
		{"isotonic between", isotonic, 0.6, 0.7},
		{"isotonic above", isotonic, 1, 0.9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := inference.Calibrate(tt.c, tt.p); math.Abs(got-tt.want) > 1e-8 {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
