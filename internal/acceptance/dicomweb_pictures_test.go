package acceptance

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// picture asks for a rendering as PNG.
func (n *startedNode) picture(path string) image.Image {
	n.t.Helper()
	status, body, _ := n.dicomweb(http.MethodGet, path, nil, "Accept", "image/png")
	img, err := png.Decode(bytes.NewReader(body))
	if err != nil || status != http.StatusOK {
		n.t.Fatalf("%s: %d %v %.200s", path, status, err, body)
	}
	return img
}

// differing is the part of a picture, in rows, in which it is not another one.
func differing(a, b image.Image) (first, last, pixels int) {
	first, last = -1, -1
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r1, g1, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			if r1 == r2 && g1 == g2 && b1 == b2 {
				continue
			}
			if first < 0 {
				first = y
			}
			last = y
			pixels++
		}
	}
	return first, last, pixels
}

func TestPicturesAreAnnotatedWhereAskedFor(t *testing.T) {
	n := startNode(t)
	at, meta := n.stored("image", "ct1_j2k_lossless.dcm")
	uri := fmt.Sprintf("/wado?requestType=WADO&studyUID=%s&seriesUID=%s&objectUID=%s", meta.text("0020000D"), meta.text("0020000E"), meta.text("00080018"))
	plain := n.picture(at + "/rendered")
	height := plain.Bounds().Dy()
	for query, want := range map[string]struct{ top, bottom bool }{
		"annotation=patient": {top: true}, "annotation=technique": {bottom: true}, "annotation=patient,technique": {true, true},
		"annotation=technique%2Cpatient": {true, true}, "annotation=patient,marker": {top: true},
	} {
		for _, address := range []string{at + "/rendered?" + query, at + "/frames/1/rendered?" + query, uri + "&contentType=image/png&" + query} {
			first, last, pixels := differing(plain, n.picture(address))
			if pixels < 100 || (first < height/4) != want.top || (last > height*3/4) != want.bottom {
				t.Errorf("%s: %d pixels from row %d to %d", query, pixels, first, last)
			}
		}
	}
	if _, _, pixels := differing(plain, n.picture(uri+"&contentType=image/png&imageAnnotation=patient")); pixels < 100 {
		t.Error("imageAnnotation writes nothing")
	}
	for query, want := range map[string]struct {
		status int
		warns  bool
	}{
		"/rendered?annotation=": {400, false}, "/rendered?annotation=patient,,technique": {400, false}, "/rendered?annotation=a%20b": {400, false},
		"/rendered?annotation=marker": {200, true}, "/rendered?annotation=patient&annotation=technique": {400, false},
		"/thumbnail?annotation=patient": {200, true}, "/rendered?annotation=patient&viewport=12,12": {400, false},
		"/rendered?iccprofile=cmyk": {400, false}, "/rendered?iccprofile=": {400, false}, "/rendered?iccprofile=no&accept=image/gif": {200, false},
		"/rendered?iccprofile=srgb&accept=image/gif": {400, false}, "/rendered?quality=0": {400, false}, "/rendered?quality=1": {200, false},
		"/rendered?quality=100": {200, false}, "/rendered?quality=9.5": {400, false}, "/rendered?viewport=10": {400, false}, "/rendered?viewport=a,b": {400, false},
		"/rendered?viewport=10,10,600,0,5,5": {400, false}, "/rendered?viewport=10,10,1,1": {400, false}, "/rendered?viewport=1e9,1": {400, false},
		"/rendered?window=40,400": {400, false}, "/rendered?window=40,0,linear": {400, false}, "/rendered?window=40,0.5,linear-exact": {200, false},
		"/rendered?window=40,400,sigmoid": {200, false}, "/rendered?window=40,400,cubic": {400, false}, "/rendered?window=NaN,400,linear": {400, false},
		"/rendered?window=1,2,linear&window=1,2,linear": {400, false}, "/rendered?unknown=1": {200, false}, "/rendered?%zz": {400, false},
	} {
		status, body, h := n.dicomweb(http.MethodGet, at+query, nil)
		if status != want.status || strings.HasPrefix(h.Get("Warning"), "299 ") != want.warns {
			t.Errorf("%s: %d, warning %q: %.150q", query, status, h.Get("Warning"), body)
		}
	}
}

func TestPicturesBringTheColourSpaceAskedFor(t *testing.T) {
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "from PIL import ImageCms").Run() != nil {
		t.Skip("python3-pil is not installed: run `scripts/packages test`")
	}
	n, dir := startNode(t), t.TempDir()
	kept := func(name, path, kind string) string {
		t.Helper()
		status, body, h := n.dicomweb(http.MethodGet, path, nil, "Accept", kind)
		if status != http.StatusOK || h.Get("Warning") != "" {
			t.Fatalf("%s: %d %q %.200s", path, status, h.Get("Warning"), body)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, body, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	// The slide brings a profile of its own, the capture counts as sRGB, and so
	// does what is grey.
	for name, own := range map[string]string{"sm_tiny_25frames_rgb": "sRGB IEC61966-2.1", "sc_rgb_explicit_le": "sRGB IEC61966-2.1", "ct1_explicit_le": "sRGB IEC61966-2.1"} {
		at, _ := n.stored("image", name+".dcm")
		plain := kept("plain.png", at+"/frames/1/rendered?iccprofile=no", "image/png")
		source := kept("yes.png", at+"/frames/1/rendered?iccprofile=yes", "image/png")
		for space, want := range map[string]string{"yes": own, "srgb": "sRGB IEC61966-2.1", "adobergb": "Adobe RGB (1998)", "rommrgb": "ROMM RGB"} {
			for _, kind := range []string{"image/png", "image/jpeg"} {
				made := kept("made", at+"/frames/1/rendered?quality=100&iccprofile="+space, kind)
				before, by := plain, source
				if kind == "image/jpeg" {
					before, by = made, made // its chroma is coarser: only the profile is looked at
				}
				out, err := exec.Command(python, filepath.Join(root(), "internal", "acceptance", "testdata", "picture.py"), before, made, by).CombinedOutput()
				if got := strings.TrimSpace(string(out)); err != nil || got != want {
					t.Errorf("%s, %s as %s: %v %q", name, space, kind, err, got)
				}
			}
		}
	}
}
