package acceptance

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// pixelReference is what a frame decodes to, by independent decoders; either
// digest will do, with and without the bits that do not count.
type pixelReference struct {
	Path     string `json:"path"`
	Frame    int    `json:"frame"`
	Masked   string `json:"masked"`
	Unmasked string `json:"unmasked"`
}

// pixelReferences are the references of whose samples all decoders are sure,
// by file.
func pixelReferences(t *testing.T) map[string][]pixelReference {
	t.Helper()
	file, err := os.Open(shared(t, "dicom/pixel_reference.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	list := map[string][]pixelReference{}
	for _, row := range rows[1:] {
		at := func(name string) string { return row[column[name]] }
		if at("hash_use") != "exact" {
			continue
		}
		frame, err := strconv.Atoi(at("frame"))
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(at("file"), ".dcm")
		list[name] = append(list[name], pixelReference{Frame: frame, Masked: at("sha256"), Unmasked: at("sha256_unmasked")})
	}
	return list
}

// frameDigests reads files with pydicom and prints those whose frames differ
// from their digests.
const frameDigests = `import sys, json, hashlib, pydicom, warnings
warnings.filterwarnings('ignore')
for r in json.load(sys.stdin):
    d = pydicom.dcmread(r['path'])
    if 'PixelData' not in d: print('same'); continue
    assert not d.file_meta.TransferSyntaxUID.is_compressed, r['path']
    size = d.Rows * d.Columns * d.SamplesPerPixel * d.BitsAllocated // 8
    if d.BitsAllocated == 1 or d.PhotometricInterpretation == 'YBR_FULL_422': continue
    frame = d.PixelData[r['frame'] * size:(r['frame'] + 1) * size]
    if d.SamplesPerPixel > 1 and d.PlanarConfiguration == 1:
        n = d.BitsAllocated // 8
        planes = [frame[i * size // 3:(i + 1) * size // 3] for i in range(3)]
        frame = b''.join(p[i:i + n] for i in range(0, size // 3, n) for p in planes)
    if hashlib.sha256(frame).hexdigest() not in (r['masked'], r['unmasked']): print('pixels', r['path'], r['frame'])
    else: print('same')`

// lossySyntaxes are those whose objects stay lossy when they are decompressed.
var lossySyntaxes = []radnode.UID{
	"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55", "1.2.840.10008.1.2.4.81",
}

// undecodable are files whose pixel data are broken or cut off; they are not
// sent to a peer that does not take them as they are.
var undecodable = []string{"malformed/j2k_embedded_sequence_delimiter", "malformed/mr_explicit_no_header", "malformed/mr_truncated_pixels"}

func TestEveryRealImageGoesToAPeerThatTakesNoCompression(t *testing.T) {
	n := startNode(t, "--quiet", "10m")
	references := pixelReferences(t)
	sent, same := 0, 0
	for _, round := range realFiles(t) {
		n.anew()
		dir, scp := t.TempDir(), free(t)
		background(t, scp, tool(t, "storescp"), "+B", "+xi", "-pm", "-od", dir, strconv.Itoa(scp))
		n.peer("add", "TAKER", fmt.Sprintf("TAKER@127.0.0.1:%d", scp))
		args := []string{"store", n.target(), "--json"}
		for _, f := range round {
			args = append(args, f.path)
		}
		_, out := command(t, n.program, args...)
		taken := slices.DeleteFunc(slices.Clone(round), func(f realFile) bool {
			return f.study == "" || !strings.Contains(out, fmt.Sprintf(`"file":%q,"sop_instance_uid":%q,"status":"0000"`, f.path, f.sop))
		})
		if len(taken) == 0 {
			continue
		}
		_, out = command(t, n.program, "move", n.target(), "--to", "TAKER", "-k", studiesOf(taken))
		got := fetched(t, dir)
		var check []pixelReference
		for _, f := range taken {
			path := got[f.sop]
			if (path == "") != slices.Contains(undecodable, f.name) {
				t.Errorf("%s (%s): sent %v", f.name, f.syntax, path != "")
			}
			if path == "" {
				continue
			}
			sent++
			d := header(t, path)
			if d.HasPixelData() && slices.Contains(lossySyntaxes, f.syntax) && d.Text(dicom.LossyImageCompression) != "01" {
				t.Errorf("%s (%s): lossy image compression %q", f.name, f.syntax, d.Text(dicom.LossyImageCompression))
			}
			for _, r := range references[f.name] {
				r.Path = path
				check = append(check, r)
			}
		}
		if t.Failed() {
			t.Logf("%s", out)
		}
		same += digests(t, check)
	}
	t.Logf("%d objects were sent, %d frames are what other decoders make of them", sent, same)
	if sent < 170 || same < 150 {
		t.Error("that is too few")
	}
}

// digests counts the frames that are as they should be.
func digests(t *testing.T, check []pixelReference) int {
	t.Helper()
	text, err := json.Marshal(check)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/usr/bin/python3", "-c", frameDigests)
	c.Stdin = bytes.NewReader(text)
	out, err := c.CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "No module named") {
			t.Skip("pydicom is not installed: run `scripts/packages test`")
		}
		t.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if line != "same\n" {
			t.Error(line)
		}
	}
	return strings.Count(string(out), "same\n")
}

func TestNothingIsCompressedForAPeerThatWantsIt(t *testing.T) {
	const profiles = `[[TransferSyntaxes]]
[Baseline]
TransferSyntax1 = JPEGBaseline
[[PresentationContexts]]
[Contexts]
PresentationContext1 = SecondaryCaptureImageStorage\Baseline
PresentationContext2 = CTImageStorage\Baseline
PresentationContext3 = MRImageStorage\Baseline
PresentationContext4 = VerificationSOPClass\Baseline
[[Profiles]]
[Baseline]
PresentationContexts = Contexts
`
	n := startNode(t, "--quiet", "10m")
	dir, scp := t.TempDir(), free(t)
	config := filepath.Join(t.TempDir(), "storescp.cfg")
	if err := os.WriteFile(config, []byte(profiles), 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, scp, tool(t, "storescp"), "-xf", config, "Baseline", "+B", "-od", dir, strconv.Itoa(scp))
	n.peer("add", "BASELINE", fmt.Sprintf("BASELINE@127.0.0.1:%d", scp))
	time.Sleep(peersRead)
	for name, c := range map[string]struct {
		file string
		sent bool
	}{
		"baseline as it is":                  {"image/sc_jpeg_ybr444_no_padding", true},
		"not compressed":                     {"image/ct1_explicit_le", false},
		"without loss":                       {"image/mr1_j2k_lossless", false},
		"with loss, in another syntax":       {"image/ct1_jpegls_near", false},
		"once more with what was learned":    {"image/sc_jpeg_ybr444_no_padding", true},
		"not compressed, and that was known": {"image/ct1_explicit_le", false},
	} {
		t.Run(name, func(t *testing.T) {
			path := shared(t, "dicom/"+c.file+".dcm")
			d := header(t, path)
			if status, out := command(t, n.program, "store", n.target(), path); status != 0 {
				t.Fatal(out)
			}
			uid := d.UID(dicom.SOPInstanceUID)
			status, out := command(t, n.program, "move", n.target(), "--to", "BASELINE", "--json", "-k", "StudyInstanceUID="+d.Text(dicom.StudyInstanceUID))
			got := fetched(t, dir)[uid]
			switch {
			case c.sent && (status != 0 || got == "" || !bytes.Equal(dataSetOf(t, got), dataSetOf(t, path))):
				t.Errorf("exit %d, %q: %s", status, got, out)
			case !c.sent && (status != 1 || got != "" || !strings.Contains(out, string(uid)) || !strings.Contains(out, `"status":"A702"`)):
				t.Errorf("exit %d, %q: %s", status, got, out)
			}
		})
	}
}
