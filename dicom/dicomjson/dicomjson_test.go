package dicomjson_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
)

func TestValuesAreWrittenAsAnnexFSays(t *testing.T) {
	d := dicom.NewDataset()
	d.SetText(dicom.SpecificCharacterSet, "ISO_IR 100")
	d.SetText(dicom.PatientName, "Yamada^Tarou=山田^太郎=やまだ^たろう")
	d.SetText(dicom.PatientID, `a"b`)
	d.SetText(dicom.PatientBirthDate, "")
	d.SetText(dicom.ImageType, "ORIGINAL", "", "AXIAL")
	d.SetText(dicom.SliceThickness, "1.50")
	d.SetText(dicom.WindowCenter, "+40", ".5", "much")
	d.SetInts(dicom.Rows, 512)
	d.SetBytes(dicom.FrameIncrementPointer, dicom.AT, []byte{0x18, 0, 0x63, 0x10})
	d.SetBytes(0x00091001, dicom.OB, []byte{1, 2, 3, 4})
	item := dicom.NewDataset()
	item.SetText(dicom.CodeValue, "1")
	d.SetItems(dicom.RequestAttributesSequence, item, dicom.NewDataset())
	got := string(dicomjson.Append(nil, d, dicomjson.Options{Pixels: dicom.PixelDataTag, PixelsVR: dicom.OW, Inline: 64,
		Bulk: func(path string) string { return "/bulk/" + path }}))
	want := `{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},` +
		`"00080008":{"vr":"CS","Value":["ORIGINAL",null,"AXIAL"]},` +
		`"00091001":{"vr":"OB","InlineBinary":"AQIDBA=="},` +
		`"00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎","Phonetic":"やまだ^たろう"}]},` +
		`"00100020":{"vr":"LO","Value":["a\"b"]},"00100030":{"vr":"DA"},` +
		`"00180050":{"vr":"DS","Value":[1.50]},"00280009":{"vr":"AT","Value":["00181063"]},"00280010":{"vr":"US","Value":[512]},` +
		`"00281050":{"vr":"DS","Value":[40,0.5,"much"]},` +
		`"00400275":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["1"]}},{}]},` +
		`"7FE00010":{"vr":"OW","BulkDataURI":"/bulk/7FE00010"}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTextThatIsNoModelIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":                     `[{`,
		"a number":                    `3`,
		"a list of numbers":           `[3]`,
		"a keyword as key":            `[{"PatientID":{"vr":"LO"}}]`,
		"a group length":              `[{"00080000":{"vr":"UL","Value":[3]}}]`,
		"file meta information":       `[{"00020010":{"vr":"UI","Value":["1.2"]}}]`,
		"no vr":                       `[{"00100020":{"Value":["x"]}}]`,
		"a vr that is none":           `[{"00100020":{"vr":"XX"}}]`,
		"a number too large":          `[{"00280010":{"vr":"US","Value":[65536]}}]`,
		"a negative unsigned number":  `[{"00280010":{"vr":"US","Value":[-1]}}]`,
		"text in a number":            `[{"00280010":{"vr":"US","Value":["x"]}}]`,
		"broken base64":               `[{"7FE00010":{"vr":"OB","InlineBinary":"*"}}]`,
		"values of binary":            `[{"7FE00010":{"vr":"OB","Value":[1]}}]`,
		"bulk data that are not here": `[{"7FE00010":{"vr":"OB","BulkDataURI":"http://127.0.0.1/"}}]`,
		"binary sequence":             `[{"00400275":{"vr":"SQ","InlineBinary":""}}]`,
		"a backslash inside a value":  `[{"00100020":{"vr":"LO","Value":["a\\b"]}}]`,
		"two texts in UT":             `[{"00081190":{"vr":"UT","Value":["a","b"]}}]`,
		"an object for a text":        `[{"00100020":{"vr":"LO","Value":[{}]}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := dicomjson.Decode([]byte(text), dicomjson.DefaultLimits); radnode.CodeOf(err) != radnode.Invalid {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
}

func TestNestingAndCountsAreBounded(t *testing.T) {
	deep := strings.Repeat(`{"00400275":{"vr":"SQ","Value":[`, 100) + strings.Repeat(`]}}`, 100)
	if _, err := dicomjson.Decode([]byte(deep), dicomjson.DefaultLimits); radnode.CodeOf(err) != radnode.TooLarge {
		t.Errorf("deep: %v", err)
	}
	many := `[{"00100010":{"vr":"PN"},"00100020":{"vr":"LO"}}]`
	if _, err := dicomjson.Decode([]byte(many), dicomjson.Limits{Depth: 1, Elements: 1}); radnode.CodeOf(err) != radnode.TooLarge {
		t.Errorf("many: %v", err)
	}
}

// files are real objects: those lent to us, else those of the parser's module.
func files(tb testing.TB) []string {
	tb.Helper()
	var list []string
	for _, folder := range []string{filepath.Join("..", "..", "..", "shared", "dicom"), module(tb)} {
		_ = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && strings.HasSuffix(path, ".dcm") {
				list = append(list, path)
			}
			return nil // a folder that is not here has no files
		})
	}
	return list
}

func module(tb testing.TB) string {
	tb.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/suyashkumar/dicom").Output()
	if err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "testdata")
}

func TestRealObjectsComeBackAsTheyWere(t *testing.T) {
	read := 0
	for _, path := range files(t) {
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil || len(f.Dataset.Warnings()) > 0 {
			continue // broken on purpose
		}
		read++
		first := dicomjson.Append(nil, f.Dataset, dicomjson.Options{})
		if !json.Valid(first) {
			t.Errorf("%s: no JSON", path)
			continue
		}
		back, err := dicomjson.Decode(first, dicomjson.DefaultLimits)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if again := dicomjson.Append(nil, back[0], dicomjson.Options{}); !bytes.Equal(first, again) {
			t.Errorf("%s: %s", path, cmp.Diff(string(first), string(again)))
		}
	}
	if read == 0 {
		t.Error("no file was read")
	}
	t.Logf("%d files", read)
}

// pydicom compares its own JSON model of a file with ours.
const script = `
import sys, json, warnings
warnings.simplefilter("ignore")
import pydicom
from pydicom.dataset import Dataset
bad = 0
for line in sys.stdin:
    path, _, text = line.rstrip("\n").partition("\t")
    ours = Dataset.from_json(text)
    theirs = pydicom.dcmread(path, stop_before_pixels=True)
    theirs.decode()
    for e in theirs.iterall():
        pass
    for e in theirs:
        if e.tag.group > 0x7fdf or e.tag.element == 0 or e.tag == 0x00080005 or e.VR in ("SQ", "UN"):
            continue
        if e.tag not in ours:
            print(path, e.tag, "is missing"); bad += 1; continue
        if ours[e.tag].VR in ("UN", "SQ") or ours[e.tag].VR != e.VR:
            continue
        a, b = ours[e.tag].value, e.value
        if a in (None, "", []) and b in (None, "", []):
            continue
        if e.VR == "OW" and theirs.is_little_endian is False:
            continue  # pydicom leaves the words as they are in the file
        if e.VR == "PN" and "\x1b" in str(b):
            continue  # an escape sequence that pydicom does not undo
        if a != b and str(a).replace(" '", "'") != str(b).replace(" '", "'"):
            if e.VR in ("DS", "IS", "FL", "FD"):
                try:
                    x, y = (list(map(float, v)) if hasattr(v, "__iter__") and not isinstance(v, str) else [float(v)] for v in (a, b))
                    if x == y or all(abs(p - q) <= 1e-6 * abs(q) or p != p and q != q for p, q in zip(x, y)): continue
                except ValueError: pass
            print(path, e.tag, e.VR, repr(a)[:80], repr(b)[:80]); bad += 1
sys.exit(bad > 0)
`

func TestPydicomReadsTheSameValues(t *testing.T) {
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import pydicom").Run(); err != nil {
		t.Skip("pydicom is not installed: run `scripts/packages test`")
	}
	var in bytes.Buffer
	for _, path := range files(t) {
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil || len(f.Dataset.Warnings()) > 0 || strings.Contains(path, "malformed") {
			continue
		}
		f.Dataset.Remove(0x0008001A)
		in.WriteString(path + "\t")
		in.Write(dicomjson.Append(nil, f.Dataset, dicomjson.Options{}))
		in.WriteByte('\n')
	}
	c := exec.Command(python, "-c", script)
	c.Stdin = &in
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// FuzzDecode: what is read can be written, and reads as the same again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B"}]},"00281050":{"vr":"DS","Value":[1.5,null]}}]`))
	f.Add([]byte(`[{"00400275":{"vr":"SQ","Value":[{},null]},"7FE00010":{"vr":"OW","InlineBinary":"AAE="}}]`))
	f.Add([]byte(`{"00189306":{"vr":"FD","Value":["NaN","-Infinity",1e300]},"00280009":{"vr":"AT","Value":["00181063"]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := dicomjson.Decode(text, dicomjson.Limits{Depth: 8, Elements: 1000})
		if err != nil {
			return
		}
		for _, d := range list {
			first := dicomjson.Append(nil, d, dicomjson.Options{})
			if !json.Valid(first) {
				t.Fatalf("no JSON: %s", first)
			}
			back, err := dicomjson.Decode(first, dicomjson.Limits{Depth: 8, Elements: 1000})
			if err != nil {
				t.Fatalf("%v: %s", err, first)
			}
			if again := dicomjson.Append(nil, back[0], dicomjson.Options{}); !bytes.Equal(first, again) {
				t.Fatalf("%s\n%s", first, again)
			}
		}
	})
}

// FuzzAppend: every data set that is read from bytes becomes JSON.
func FuzzAppend(f *testing.F) {
	for _, path := range files(f) {
		if b, err := os.ReadFile(path); err == nil && len(b) < 20_000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := dicom.Read(bytes.NewReader(b), int64(len(b)), dicom.Limits{HeaderBytes: 1 << 20})
		if err != nil {
			return
		}
		if text := dicomjson.Append(nil, file.Dataset, dicomjson.Options{}); !json.Valid(text) {
			t.Fatalf("no JSON: %s", text)
		}
	})
}
