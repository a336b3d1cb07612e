package dicom_test

import (
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/radnode/radnode/dicom"
)

// dump prints every text and number of the files named on its input, below
// the top level too, as {file: {path: [values]}}.
const dump = `
import sys, json, warnings, logging
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
import pydicom
from pydicom import config
config.settings.reading_validation_mode = config.IGNORE
TEXT = "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT FL FD SL SS UL US SV UV".split()
def walk(ds, path, out):
    for e in ds:
        p = path + "%08X" % e.tag
        if e.VR == "SQ":
            for i, it in enumerate(e.value or []):
                walk(it, p + "[%d]." % i, out)
        elif e.VR in TEXT and not e.tag.is_private and e.tag.group < 0x7FE0 and e.value is not None:
            v = e.value
            v = list(v) if isinstance(v, (list, tuple, pydicom.multival.MultiValue)) else [v]
            if e.VR == "PN":
                out[p] = [str(x) for x in v if x is not None and str(x)]
            else:
                out[p] = [str(getattr(x, "original_string", x)) for x in v][:50]
out = {}
for f in sys.stdin.read().split("\n"):
    try:
        ds = pydicom.dcmread(f, stop_before_pixels=True, force=True)
        ds.decode()
        m = {}
        walk(ds, "", m)
        out[f] = m
    except Exception as e:
        out[f] = None
json.dump(out, sys.stdout)
`

func sharedFiles(tb testing.TB, pattern string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "shared", "dicom", pattern))
	if err != nil {
		tb.Fatal(err)
	}
	if len(files) == 0 {
		tb.Skip("the shared sample files are not here")
	}
	return files
}

func pydicomDump(t *testing.T, files []string) map[string]map[string][]string {
	t.Helper()
	if err := exec.Command("/usr/bin/python3", "-c", "import pydicom").Run(); err != nil {
		t.Skip("pydicom is not installed (Debian: python3-pydicom)")
	}
	cmd := exec.Command("/usr/bin/python3", "-c", dump)
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string][]string
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// flatten prints a data set as the Python program does.
func flatten(d *dicom.Dataset, path string, out map[string][]string) {
	for _, e := range d.Elements() {
		p := path + strings.ToUpper(strconv.FormatUint(uint64(e.Tag)|1<<32, 16)[1:])
		for i, it := range e.Items {
			flatten(it, p+"["+strconv.Itoa(i)+"].", out)
		}
		if v := d.Texts(e.Tag); v != nil && e.VR != dicom.SQ {
			out[p] = v
		}
	}
}

func TestEveryTextAndNumberIsWhatPydicomReads(t *testing.T) {
	files := sharedFiles(t, "*/*.dcm")
	want := pydicomDump(t, files)
	compared := 0
	for _, path := range files {
		if strings.Contains(path, "/malformed/") || strings.Contains(path, "chinese_2022_ir_58") {
			continue // a matter of opinion; and pydicom 2.3 leaves the escape sequences of GB 2312 in the text
		}
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got := map[string][]string{}
		flatten(f.Dataset, "", got)
		for p, w := range want[path] {
			g, ok := got[p]
			if len(w) == 1 && w[0] == "" && (!ok || len(g) == 1 && g[0] == "") {
				continue
			}
			compared++
			if !sameValues(g, w) {
				t.Errorf("%s: %s: got %q, want %q", filepath.Base(path), p, g, w)
			}
		}
	}
	t.Logf("%d values compared", compared)
}

func sameValues(got, want []string) bool {
	if len(got) < len(want) {
		return false
	}
	for i, w := range want {
		g := strings.TrimSpace(got[i])
		w = strings.Trim(strings.TrimSpace(w), " \x00")
		if g == w || strings.TrimRight(g, "=^") == strings.TrimRight(w, "=^") {
			continue
		}
		gf, gerr := strconv.ParseFloat(g, 64)
		wf, werr := strconv.ParseFloat(w, 64)
		if gerr != nil || werr != nil || math.Abs(gf-wf) > 1e-6*math.Max(1, math.Abs(wf)) {
			return false
		}
	}
	return true
}
