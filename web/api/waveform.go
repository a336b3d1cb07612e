package api

import (
	"encoding/binary"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Bounds of a waveform that is shown: it is drawn as wide as a screen.
const (
	maxGroups   = 4
	maxChannels = 64
	maxBins     = 1500
	opWaveform  = "show waveform"
)

// WaveformView answers GET /instances/{uid}/waveform.
type WaveformView struct {
	SOPInstanceUID radnode.UID     `json:"sop_instance_uid"`
	Groups         []WaveformGroup `json:"groups"`
}

// WaveformGroup is one multiplex group (PS3.3 C.10.9).
type WaveformGroup struct {
	Label     string            `json:"label"`
	Frequency float64           `json:"frequency"` // samples a second
	Samples   int               `json:"samples"`   // of each channel
	Channels  []WaveformChannel `json:"channels"`
}

// WaveformChannel is one curve, drawn together so that no peak is lost: Low
// and High are the extremes of as many samples as share a place.
type WaveformChannel struct {
	Name string    `json:"name"`
	Unit string    `json:"unit"`
	Low  []float64 `json:"low"`
	High []float64 `json:"high"`
}

// GetWaveform answers the curves of a waveform object, within bounds.
func (a *API) GetWaveform(c echo.Context) error {
	file, err := a.object(c, dicom.Limits{})
	if err != nil {
		return err
	}
	ds := file.Dataset
	groups := ds.Items(dicom.WaveformSequence)
	if len(groups) == 0 {
		return radnode.Errorf(radnode.NotFound, opWaveform, "the object holds no waveform")
	}
	out := WaveformView{SOPInstanceUID: ds.UID(dicom.SOPInstanceUID), Groups: []WaveformGroup{}}
	for _, g := range groups[:min(len(groups), maxGroups)] {
		group, err := waveformGroup(g)
		if err != nil {
			return err
		}
		out.Groups = append(out.Groups, group)
	}
	return sendJSON(c, out)
}

// sampleReaders read one sample by Waveform Sample Interpretation (PS3.3
// C.10.9.1.5); companded ones (MB, AB) are shown as they are stored.
var sampleReaders = map[string]struct {
	bytes int
	read  func(b []byte) float64
}{
	"SB": {1, func(b []byte) float64 { return float64(int8(b[0])) }},
	"UB": {1, func(b []byte) float64 { return float64(b[0]) }},
	"MB": {1, func(b []byte) float64 { return float64(b[0]) }},
	"AB": {1, func(b []byte) float64 { return float64(b[0]) }},
	"SS": {2, func(b []byte) float64 { return float64(int16(binary.LittleEndian.Uint16(b))) }},
	"US": {2, func(b []byte) float64 { return float64(binary.LittleEndian.Uint16(b)) }},
	"SL": {4, func(b []byte) float64 { return float64(int32(binary.LittleEndian.Uint32(b))) }},
	"UL": {4, func(b []byte) float64 { return float64(binary.LittleEndian.Uint32(b)) }},
}

func waveformGroup(d *dicom.Dataset) (WaveformGroup, error) {
	channels, _ := d.Int(dicom.NumberOfWaveformChannels)
	samples, _ := d.Int(dicom.NumberOfWaveformSamples)
	kind, known := sampleReaders[d.Text(dicom.WaveformSampleInterpretation)]
	data, ok := d.Get(dicom.WaveformData)
	if !known || !ok || channels < 1 || channels > maxChannels || samples < 1 {
		return WaveformGroup{}, radnode.Errorf(radnode.Unsupported, opWaveform, "a group of %d channels of %d samples in this form is not drawn here", channels, samples)
	}
	if data.Skipped > 0 {
		return WaveformGroup{}, radnode.Errorf(radnode.TooLarge, opWaveform, "the samples have %d bytes (option max_value_mb)", data.Skipped)
	}
	stride := channels * kind.bytes
	samples = min(samples, len(data.Value)/stride)
	g := WaveformGroup{Label: d.Text(dicom.MultiplexGroupLabel), Samples: samples, Channels: make([]WaveformChannel, channels)}
	g.Frequency, _ = d.Float(dicom.SamplingFrequency)
	definitions := d.Items(dicom.ChannelDefinitionSequence)
	for i := range g.Channels {
		var definition *dicom.Dataset
		if i < len(definitions) {
			definition = definitions[i]
		}
		g.Channels[i] = curve(definition, samples, func(n int) float64 { return kind.read(data.Value[n*stride+i*kind.bytes:]) })
	}
	return g, nil
}

// curve brings the samples of a channel to its unit and to at most maxBins
// places (PS3.3 C.10.9.1.4.2: sensitivity, correction factor and baseline).
func curve(d *dicom.Dataset, samples int, at func(n int) float64) WaveformChannel {
	factor, baseline := 1.0, 0.0
	if v, ok := d.Float(dicom.ChannelSensitivity); ok && v != 0 {
		factor = v
		if c, ok := d.Float(dicom.ChannelSensitivityCorrectionFactor); ok && c != 0 {
			factor *= c
		}
		baseline, _ = d.Float(dicom.ChannelBaseline)
	}
	source := d.Item(dicom.ChannelSourceSequence)
	c := WaveformChannel{Name: first(d.Text(dicom.ChannelLabel), source.Text(dicom.CodeMeaning)), Unit: d.Item(dicom.ChannelSensitivityUnitsSequence).Text(dicom.CodeValue)}
	bins := min(samples, maxBins)
	c.Low, c.High = make([]float64, bins), make([]float64, bins)
	for b := range bins {
		from, to := b*samples/bins, (b+1)*samples/bins
		low, high := at(from), at(from)
		for n := from; n < to; n++ {
			low, high = min(low, at(n)), max(high, at(n))
		}
		low, high = low*factor+baseline, high*factor+baseline
		c.Low[b], c.High[b] = min(low, high), max(low, high)
	}
	return c
}
