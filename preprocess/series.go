package preprocess

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"gopkg.in/yaml.v3"

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

// volumeParams are the fields of VolumeStep as parameters.
var volumeParams = []Param{
	{Name: "spacing", Kind: Numbers, Length: 3, Optional: true, Min: 0.01, Max: 100, Unit: "mm", Doc: "between columns, rows and slices; without it that of the series"},
	{Name: "interpolation", Kind: Choice, Default: "linear", Choices: []string{"linear", "nearest"}, Doc: "how values between voxels are found"},
	{Name: "families", Kind: Choices, Choices: volume.Families, Doc: "what to compute"},
	{Name: "low", Kind: Number, Optional: true, Min: -1e9, Max: 1e9, Unit: "modality units", Doc: "smallest value of the region; without it every voxel up to high"},
	{Name: "high", Kind: Number, Optional: true, Min: -1e9, Max: 1e9, Unit: "modality units", Doc: "largest value of the region; without it every voxel from low"},
	{Name: "bins", Kind: Integer, Optional: true, Min: 2, Max: radiomics.MaxLevels, Doc: "number of grey levels; 32 where neither this nor bin_width is given"},
	{Name: "bin_width", Kind: Number, Optional: true, Min: 1e-6, Max: 1e6, Doc: "width of a grey level, in place of bins"},
	{Name: "merged", Kind: Boolean, Default: false, Doc: "one matrix of the 13 directions, not the mean over them"},
	{Name: "prefix", Kind: Name, Optional: true, Doc: "put before the names of the features, with a full stop"},
}

// UnmarshalYAML reads the part volume of a pipeline by the table above.
func (v *VolumeStep) UnmarshalYAML(node *yaml.Node) error {
	var given map[string]any
	if err := node.Decode(&given); err != nil {
		return err
	}
	a, err := readArgs(volumeParams, given)
	if err != nil {
		return fmt.Errorf("volume: %w", err)
	}
	*v = VolumeStep{
		Spacing: a.floats("spacing"), Interpolation: a.text("interpolation"), Families: a.texts("families"),
		Bins: a.int("bins"), BinWidth: a.float("bin_width"), Merged: a.bool("merged"), Prefix: a.text("prefix"),
	}
	if low := a.float("low"); a.has("low") {
		v.Low = &low
	}
	if high := a.float("high"); a.has("high") {
		v.High = &high
	}
	return v.check()
}

// check is what single parameters cannot say.
func (v *VolumeStep) check() error {
	if v.Bins > 0 && v.BinWidth > 0 {
		return &wrongParam{"bins", "volume: give bins or bin_width, not both"}
	}
	if r := v.region(); r.Low >= r.High {
		return &wrongParam{"low", fmt.Sprintf("volume: parameter \"low\" is %g: give a number below parameter \"high\", which is %g", r.Low, r.High)}
	}
	return nil
}

// Run orders the slices of a series, resamples them and computes the features.
func (v *VolumeStep) Run(ctx context.Context, all []volume.Slice) (*SeriesResult, error) {
	const op = "preprocess series"
	if err := v.check(); err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "%w", err)
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
	left := map[string]int{}
	for _, r := range a.Refused {
		left[r.Reason]++
	}
	for _, reason := range slices.Sorted(maps.Keys(left)) {
		out = append(out, fmt.Sprintf("slices left out: %d; of each, %s", left[reason], reason))
	}
	if !a.Regular && len(a.Gaps) == 0 {
		out = append(out, "the slices are not equally far apart")
	}
	if a.Tilt > 0.5 {
		out = append(out, fmt.Sprintf("the stack leans by %.1f degrees", a.Tilt))
	}
	return out
}
