package radiomics_test

import (
	"math"
	"testing"

	"github.com/radnode/radnode/preprocess/radiomics"
)

// Every gradient that 8 bits can make falls into the sector that its angle,
// computed in double precision, lies in.
func TestTheSectorOfEveryGradientIsThatOfItsAngle(t *testing.T) {
	t.Parallel()
	pix := make([]byte, 9)
	for dy := 0; dy <= 255; dy++ {
		for dx := -255; dx <= 255; dx++ {
			if dx == 0 && dy == 0 {
				continue
			}
			if dx%2 == 0 && dy%2 == 0 {
				continue // the same angle as half of it
			}
			clear(pix)
			pix[3], pix[5], pix[1], pix[7] = byte(max(0, -dx)), byte(max(0, dx)), byte(max(0, -dy)), byte(max(0, dy))
			want := math.Mod(math.Atan2(float64(dy), float64(dx))*180/math.Pi+360, 180)
			got, err := radiomics.HOG(radiomics.Samples{Rows: 3, Columns: 3, Bytes: pix}, 3)
			if err != nil {
				t.Fatal(err)
			}
			for k, f := range got[4*9 : 5*9] {
				if f.Value != 0 && (want < float64(20*k)-1e-9 || want >= float64(20*k+20)) {
					t.Fatalf("gradient %d %d of %g degrees is in the sector of %d", dx, dy, want, 20*k)
				}
			}
		}
	}
}
