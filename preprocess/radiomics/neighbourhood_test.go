package radiomics_test

import (
	"math"
	"strings"
	"testing"
)

// The values that IBSI publishes for its digital phantom (IBSI 5.1.1) for the
// two neighbourhood families, in the order of the features: 2D, 2.5D, 3D.
var neighbourhoodReference = map[string]string{
	"QCDE": "0.121 0.0285 0.0296", "65HE": "0.925 0.601 0.584", "NQ30": "2.99 6.8 6.54",
	"HDEZ": "10.4 14.1 13.5", "1X9X": "2.88 0.741 0.763",
	"SODN": "0.158 0.159 0.045", "IMOQ": "19.2 18.8 109", "TL9H": "0.702 0.693 0.693",
	"OAE7": "7.49 7.66 7.66", "EQ3F": "0.0473 0.0477 0.00963", "JA6D": "3.06 3.07 0.736",
	"NBZI": "17.6 17.2 102", "9QMG": "49.5 50.8 235", "FP8K": "10.2 37.9 37.9",
	"5SPA": "0.562 0.512 0.512", "Z87G": "3.96 12.4 4.86", "OKJI": "0.212 0.167 0.0657",
	"6XV8": "1 1 1", "1PFV": "2.7 3.05 3.05", "DNX2": "2.73 3.27 22.1",
	"FCBV": "2.71 3.36 4.4", "CAS9": "0.17 0.122 0.0533",
}

func TestNeighbourhoodFeaturesMatchThePublishedPhantomValues(t *testing.T) {
	got := phantomFeatures(t)
	for code, values := range neighbourhoodReference {
		for i, text := range strings.Fields(values) {
			by := []string{"8QNN", "62GR", "KOBO"}[i]
			have, ok := got[code+" "+by]
			if want := parse(t, text); !ok || math.Abs(round3(have)-want) > 1e-12*want {
				t.Errorf("%s %s: got %g, want %g", code, by, have, want)
			}
		}
	}
}
