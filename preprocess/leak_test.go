//go:build matprofile

package preprocess_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"gocv.io/x/gocv"
)

// With -tags matprofile no Mat may be left when all tests have ended.
func TestMain(m *testing.M) {
	code := m.Run()
	if n := gocv.MatProfile.Count(); n != 0 && code == 0 {
		var b bytes.Buffer
		if err := gocv.MatProfile.WriteTo(&b, 1); err != nil {
			b.WriteString(err.Error())
		}
		fmt.Printf("%d Mats leaked:\n%s", n, b.String())
		code = 1
	}
	os.Exit(code)
}
