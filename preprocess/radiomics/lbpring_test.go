package radiomics

import "testing"

// The vector code multiplies by 27148/65536 where the pattern has
// 70711/29289 - 2.
func TestTheFactorOfTheVectorCodeIsExactForEveryDifference(t *testing.T) {
	for a := -255; a <= 255; a++ {
		exact := 70711 * a
		floor := exact / 29289
		if exact%29289 < 0 {
			floor--
		}
		if got := 2*a + (a*27148)>>16; got != floor {
			t.Errorf("difference %d: %d, want %d", a, got, floor)
		}
	}
}
