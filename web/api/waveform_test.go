package api

import (
	"bytes"
	"math"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

func waveform(channels, samples int, kind string, data []byte) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetInts(dicom.NumberOfWaveformChannels, channels)
	d.SetInts(dicom.NumberOfWaveformSamples, samples)
	d.SetText(dicom.WaveformSampleInterpretation, kind)
	d.SetFloats(dicom.SamplingFrequency, 500)
	d.SetBytes(dicom.WaveformData, dicom.OW, data)
	return d
}

// TestCurvesKeepTheirPeaks: however many samples share a place, the highest
// and the lowest are there, in the unit of the channel.
func TestCurvesKeepTheirPeaks(t *testing.T) {
	const samples = 10 * maxBins
	data := make([]byte, 2*2*samples)
	data[4*7777], data[4*7777+1] = 0xe8, 0x03 // 1000 in the first channel
	data[4*5000+2], data[4*5000+3] = 0x00, 0x80
	d := waveform(2, samples, "SS", data)
	scaled := dicom.NewDataset()
	scaled.SetFloats(dicom.ChannelSensitivity, 2.5)
	scaled.SetFloats(dicom.ChannelBaseline, 1)
	d.SetItems(dicom.ChannelDefinitionSequence, scaled)
	g, err := waveformGroup(d)
	if err != nil {
		t.Fatal(err)
	}
	if g.Samples != samples || len(g.Channels) != 2 || len(g.Channels[0].High) != maxBins {
		t.Fatalf("%d samples, %d channels", g.Samples, len(g.Channels))
	}
	if got := g.Channels[0].High[777]; got != 2501 {
		t.Errorf("the peak is %g", got)
	}
	if got := g.Channels[1].Low[500]; got != -32768 {
		t.Errorf("the trough is %g", got)
	}
}

// FuzzWaveform: whatever a group says of itself, it is drawn within bounds or
// refused with a code.
func FuzzWaveform(f *testing.F) {
	f.Add(uint16(2), uint32(4), "SS", bytes.Repeat([]byte{1, 2, 3, 4}, 4))
	f.Add(uint16(64), uint32(math.MaxUint32), "UB", []byte("short"))
	f.Add(uint16(1), uint32(9), "SL", []byte("three"))
	f.Fuzz(func(t *testing.T, channels uint16, samples uint32, kind string, data []byte) {
		g, err := waveformGroup(waveform(int(channels), int(samples), kind, data))
		if err != nil {
			if radnode.CodeOf(err) == radnode.Internal {
				t.Error(err)
			}
			return
		}
		for _, c := range g.Channels {
			if len(c.Low) != len(c.High) || len(c.Low) > maxBins || len(c.Low) > len(data) {
				t.Errorf("%d and %d places of %d bytes", len(c.Low), len(c.High), len(data))
			}
		}
	})
}
