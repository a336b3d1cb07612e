package preprocess

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/preprocess/radiomics"
	"github.com/radnode/radnode/preprocess/volume"
)

// VolumeStep is what a pipeline asks of a whole series: a volume on a regular
// grid, and features of the voxels between low and high.
type VolumeStep struct {
	Spacing       []float64 `yaml:"spacing,omitempty" json:"spacing,omitempty"`             // columns, rows, slices in mm; empty: as the series
	Interpolation string    `yaml:"interpolation,omitempty" json:"interpolation,omitempty"` // linear (default) or nearest
	Families      []string  `yaml:"families" json:"families"`
	Low           *float64  `yaml:"low,omitempty" json:"low,omitempty"`   // modality value; none: every voxel
	High          *float64  `yaml:"high,omitempty" json:"high,omitempty"` // modality value; none: every voxel
	Bins          int       `yaml:"bins,omitempty" json:"bins,omitempty"` // grey levels; 32 without bin_width
	BinWidth      float64   `yaml:"bin_width,omitempty" json:"bin_width,omitempty"`
	Merged        bool      `yaml:"merged,omitempty" json:"merged,omitempty"` // one matrix of 13 directions, not their mean
	Prefix        string    `yaml:"prefix,omitempty" json:"prefix,omitempty"`
}

// SeriesResult is what a series gave.
type SeriesResult struct {
	Arrangement *volume.Arrangement
	Volume      *volume.Volume
	Features    map[string]float64
	Notes       []string // gaps, duplicates and slices left out, for the reader
}

func (v *VolumeStep) check() error {
	const op = "read pipeline"
	if len(v.Spacing) != 0 && len(v.Spacing) != 3 || slices.ContainsFunc(v.Spacing, func(s float64) bool { return !(s >= 0.01 && s <= 100) }) {
		return radnode.Errorf(radnode.Invalid, op, "volume: spacing %v: give three numbers from 0.01 to 100 mm, or none", v.Spacing)
	}
	if v.Interpolation != "" && v.Interpolation != "linear" && v.Interpolation != "nearest" {
		return radnode.Errorf(radnode.Invalid, op, "volume: interpolation %q: give linear or nearest", v.Interpolation)
	}
	for _, f := range v.Families {
		if !slices.Contains(volume.Families, f) {
			return radnode.Errorf(radnode.Invalid, op, "volume: family %q: give a list out of %v", f, volume.Families)
		}
	}
	if v.Bins < 0 || v.Bins > radiomics.MaxLevels || v.BinWidth < 0 || !finite(v.BinWidth) || v.Bins > 0 && v.BinWidth > 0 {
		return radnode.Errorf(radnode.Invalid, op, "volume: give bins from 2 to %d, or a positive bin_width", radiomics.MaxLevels)
	}
	if v.Prefix != "" && !validName(v.Prefix) {
		return radnode.Errorf(radnode.Invalid, op, "volume: prefix %q: use 1 to 64 characters out of a-z, 0-9, _ and -", v.Prefix)
	}
	return nil
}

// Run orders the slices of a series, resamples them and computes the features.
func (v *VolumeStep) Run(ctx context.Context, all []volume.Slice) (*SeriesResult, error) {
	const op = "preprocess series"
	if err := v.check(); err != nil {
		return nil, err
	}
	a, err := volume.Arrange(all)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "%w", err)
	}
	res := &SeriesResult{Arrangement: a, Notes: notes(a), Features: map[string]float64{}}
	if err := ctx.Err(); err != nil {
		return nil, radnode.Errorf(radnode.Canceled, op, "stopped: %w", err)
	}
	var spacing [3]float64
	copy(spacing[:], v.Spacing)
	how := volume.Linear
	if v.Interpolation == "nearest" {
		how = volume.Nearest
	}
	if res.Volume, err = volume.Resample(all, a, spacing, how); err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "%w", err)
	}
	if len(v.Families) == 0 {
		return res, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, radnode.Errorf(radnode.Canceled, op, "stopped: %w", err)
	}
	features, err := volume.Features(res.Volume, v.region(), v.Families, v.rule(), v.Merged)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "%w", err)
	}
	prefix := v.Prefix
	if prefix != "" {
		prefix += "."
	}
	for _, f := range features {
		if finite(f.Value) {
			res.Features[prefix+f.Name] = f.Value
		}
	}
	return res, nil
}

func (v *VolumeStep) region() volume.Region {
	r := volume.Region{Low: -math.MaxFloat64, High: math.MaxFloat64}
	if v.Low != nil {
		r.Low = *v.Low
	}
	if v.High != nil {
		r.High = *v.High
	}
	return r
}

func (v *VolumeStep) rule() radiomics.Discretise {
	if v.BinWidth > 0 {
		return radiomics.Discretise{Width: v.BinWidth, Low: math.NaN()}
	}
	if v.Bins == 0 {
		return radiomics.Discretise{Bins: 32}
	}
	return radiomics.Discretise{Bins: v.Bins}
}

// notes puts what is odd about a series into sentences.
func notes(a *volume.Arrangement) []string {
	var out []string
	for _, g := range a.Gaps {
		out = append(out, fmt.Sprintf("%d slices are missing over %.1f mm", g.Missing, g.Width))
	}
	if n := len(a.Duplicates); n > 0 {
		out = append(out, fmt.Sprintf("%d slices lie where another one is and were left out", n))
	}
	for _, r := range a.Refused {
		out = append(out, fmt.Sprintf("a slice was left out: %s", r.Reason))
	}
	if !a.Regular && len(a.Gaps) == 0 {
		out = append(out, "the slices are not equally far apart")
	}
	if a.Tilt > 0.5 {
		out = append(out, fmt.Sprintf("the stack leans by %.1f degrees", a.Tilt))
	}
	return out
}
