package report_test

import (
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/report"
)

// hotCorner is a map of a frame of 400 × 200 pixels whose lower right cell alone
// is hot; the map reaches 100 pixels beyond the frame above and below.
func hotCorner() *radnode.Heatmap {
	return &radnode.Heatmap{Rows: 4, Columns: 4, Top: -100, Width: 400, Height: 400, Max: 1, Method: "cam",
		Values: []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0}}
}

func TestTheHeatMapLiesWhereTheModelLooked(t *testing.T) {
	grey := color.RGBA{90, 90, 90, 255}
	frame := image.NewRGBA(image.Rect(0, 0, 200, 100)) // half the size
	draw.Draw(frame, frame.Bounds(), image.NewUniform(grey), image.Point{}, draw.Src)
	f := radnode.ReportFinding{Finding: radnode.Finding{Label: "pneumonia", Probability: 0.9, Heatmap: hotCorner()}}
	picture, err := report.HeatPicture(frame, 200, 400, f)
	if err != nil {
		t.Fatal(err)
	}
	for at, hot := range map[image.Point]bool{{175, 75}: true, {25, 75}: false, {175, 10}: false, {25, 25}: false} {
		if got := picture.RGBAAt(at.X, at.Y); (got != grey) != hot {
			t.Errorf("at %v: %v, hot %t", at, got, hot)
		}
	}
	if picture.Bounds().Dy() <= 100 {
		t.Error("there is no legend below")
	}
}

func TestAHeatMapThatIsNoneIsRefused(t *testing.T) {
	frame := image.NewGray(image.Rect(0, 0, 20, 20))
	broken, flat := hotCorner(), hotCorner()
	broken.Values, flat.Width = broken.Values[:3], 0
	for name, h := range map[string]*radnode.Heatmap{"none": nil, "too few values": broken, "no width": flat} {
		if _, err := report.HeatPicture(frame, 20, 20, radnode.ReportFinding{Finding: radnode.Finding{Heatmap: h}}); err == nil {
			t.Errorf("%s: a picture", name)
		}
	}
	if _, err := report.HeatPicture(frame, 0, 20, radnode.ReportFinding{Finding: radnode.Finding{Heatmap: hotCorner()}}); err == nil {
		t.Error("a frame without rows: a picture")
	}
}
