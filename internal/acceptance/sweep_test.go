package acceptance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// realFile is a real file that can be sent.
type realFile struct {
	path              string
	name              string // below the folder of real files
	class, sop, study radnode.UID
	syntax            radnode.UID
}

// realFiles lists the real files in rounds, in each of which a SOP Instance
// UID stands once: many of them are one image in several transfer syntaxes.
func realFiles(t *testing.T) [][]realFile {
	t.Helper()
	root := shared(t, "dicom")
	var rounds [][]realFile
	seen := map[radnode.UID]int{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".dcm") {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(path, root+"/"), ".dcm")
		file, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil {
			t.Logf("%s is not sent: %v", name, err)
			return nil
		}
		d := file.Dataset
		f := realFile{path, name, d.UID(dicom.SOPClassUID), d.UID(dicom.SOPInstanceUID), d.UID(dicom.StudyInstanceUID), file.TransferSyntax}
		round := seen[f.sop]
		seen[f.sop]++
		if round == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[round] = append(rounds[round], f)
		return nil
	})
	if err != nil || len(rounds) == 0 {
		t.Fatal(rounds, err)
	}
	return rounds
}

// dataSetOf is the encoded data set of a file.
func dataSetOf(t *testing.T, path string) []byte {
	t.Helper()
	file, err := dicom.ReadFile(path, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text[file.DatasetOffset:]
}

// anew has the node begin with an empty data folder.
func (n *startedNode) anew() {
	n.t.Helper()
	n.kill()
	n.data = filepath.Join(n.t.TempDir(), "data")
	n.start()
}

// bySyntax groups files, those without a study left out.
func bySyntax(files []realFile) map[radnode.UID][]realFile {
	groups := map[radnode.UID][]realFile{}
	for _, f := range files {
		if f.study != "" {
			groups[f.syntax] = append(groups[f.syntax], f)
		}
	}
	return groups
}

func studiesOf(files []realFile) string {
	var list []string
	for _, f := range files {
		if !slices.Contains(list, string(f.study)) {
			list = append(list, string(f.study))
		}
	}
	return "StudyInstanceUID=" + strings.Join(list, `\`)
}

// fetched are the files of a folder by SOP Instance UID.
func fetched(t *testing.T, dir string) map[radnode.UID]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[radnode.UID]string{}
	for _, path := range paths {
		got[header(t, path).UID(dicom.SOPInstanceUID)] = path
	}
	return got
}

// fetch gets the studies of files, all stored in one transfer syntax, with
// `radnode get`.
func (n *startedNode) fetchFiles(syntax radnode.UID, files []realFile) map[radnode.UID]string {
	n.t.Helper()
	dir := n.t.TempDir()
	args := []string{"get", n.target(), "--syntax", string(syntax), "--out", dir, "-k", studiesOf(files)}
	for _, f := range files {
		if class := string(f.class); !slices.Contains(args, class) {
			args = append(args, "--class", class)
		}
	}
	command(n.t, n.program, args...) // other instances of the studies may not go in this syntax
	return fetched(n.t, dir)
}

// notTaken are the real files that cannot be sent or that the node refuses, and
// why.
var notTaken = map[string][]string{
	"names no SOP class or no SOP instance": {
		"charset/sequence_own_charset", "image/jpegls_rgb_ilv1", "image/jpegls_rgb_ilv2", "image/mr_decimal_rescale", "malformed/empty_charset",
		"malformed/meta_missing_transfer_syntax", "malformed/meta_no_group_length", "malformed/mr_bits_allocated_12_no_meta",
		"malformed/nested_private_sequence", "malformed/no_rows", "malformed/private_sequence_implicit", "malformed/un_sequence",
		"nonimage/dicomdir_explicit_le", "nonimage/dicomdir_implicit_le",
	},
	"A900 the data set has no valid Study Instance UID": {
		"image/htj2k_lossless_rgb", "image/jpegls_7bit", "image/jpegls_near_16bit_50x10", "image/jpegls_near_8bit_45x10",
		"malformed/at_invalid_length", "malformed/at_no_value",
	},
	"0117 affected SOP instance UID is not a UID": {"image/enhmr_j2k_multifragment", "malformed/bad_sequence"},
}

// expected reports whether a file was known not to be taken for a reason.
func expected(name, reason string) bool {
	for words, names := range notTaken {
		status, text, _ := strings.Cut(words, " ")
		if slices.Contains(names, name) && strings.Contains(reason, status) && strings.Contains(reason, text) {
			return true
		}
	}
	return false
}

func TestEveryRealFileComesBackAsItWasSent(t *testing.T) {
	n := startNode(t, "--quiet", "10m")
	same := 0
	syntaxes := map[radnode.UID]int{}
	for _, round := range realFiles(t) {
		n.anew()
		args := []string{"store", n.target(), "--json"}
		for _, f := range round {
			args = append(args, f.path)
		}
		_, out := command(t, n.program, args...)
		stored := map[string]bool{}
		for line := range strings.Lines(out) {
			var sent struct {
				File, Status string
				Error        *string
			}
			if err := json.Unmarshal([]byte(line), &sent); err != nil {
				t.Logf("%s", line)
				continue
			}
			if stored[sent.File] = sent.Status == "0000"; sent.Status != "0000" {
				name := strings.TrimSuffix(strings.TrimPrefix(sent.File, shared(t, "dicom")+"/"), ".dcm")
				if reason := fmt.Sprint(sent.Status, " ", *sent.Error); !expected(name, reason) {
					t.Errorf("%s: %s", name, reason)
				}
			}
		}
		taken := slices.DeleteFunc(slices.Clone(round), func(f realFile) bool { return !stored[f.path] })
		for syntax, files := range bySyntax(taken) {
			got := n.fetchFiles(syntax, files)
			for _, f := range files {
				if path := got[f.sop]; path == "" || !bytes.Equal(dataSetOf(t, path), dataSetOf(t, f.path)) {
					t.Errorf("%s (%s) did not come back as it was sent: %q", f.name, syntax, path)
					continue
				}
				same++
				syntaxes[syntax]++
			}
		}
	}
	t.Logf("%d files came back byte for byte, in %d transfer syntaxes: %v", same, len(syntaxes), syntaxes)
	if same < 181 || len(syntaxes) < 17 {
		t.Error("that is too few")
	}
	n.balanced()
}

// getscuOptions name the transfer syntax that getscu prefers.
var getscuOptions = map[radnode.UID]string{
	"1.2.840.10008.1.2": "+xi", "1.2.840.10008.1.2.1": "+xe", "1.2.840.10008.1.2.2": "+xb", "1.2.840.10008.1.2.1.99": "+xd",
	"1.2.840.10008.1.2.4.50": "+xy", "1.2.840.10008.1.2.4.51": "+xx", "1.2.840.10008.1.2.4.70": "+xs", "1.2.840.10008.1.2.4.80": "+xt",
	"1.2.840.10008.1.2.4.81": "+xu", "1.2.840.10008.1.2.4.90": "+xv", "1.2.840.10008.1.2.4.91": "+xw", "1.2.840.10008.1.2.5": "+xr",
}

var reportEntry = regexp.MustCompile(`(?s)Filename\s*: (\S+).*?DIMSE Status\s*: ([^\n]+)`)

// dcmsend sends files and returns what was answered for each.
func dcmsend(t *testing.T, ae, address string, files []realFile) map[string]string {
	t.Helper()
	host, port, _ := strings.Cut(address, ":")
	report := filepath.Join(t.TempDir(), "report")
	args := []string{"-nuc", "-nh", "-dn", "-aec", ae, "+crf", report, host, port}
	for _, f := range files {
		args = append(args, f.path)
	}
	_, out := command(t, tool(t, "dcmsend"), args...)
	text, err := os.ReadFile(report)
	if err != nil {
		t.Logf("dcmsend reports nothing: %s", out)
	}
	answers := map[string]string{}
	for entry := range strings.SplitSeq(string(text), "\n\n") {
		if m := reportEntry.FindStringSubmatch(entry); m != nil {
			answers[m[1]] = m[2]
		}
	}
	return answers
}

// TestWhatDcmsendSendsIsWhatGetscuGets compares what getscu fetches with what
// storescp, which keeps the bytes that come, got from the same sender: dcmsend
// encodes data sets anew.
func TestWhatDcmsendSendsIsWhatGetscuGets(t *testing.T) {
	t.Setenv("TCP_NODELAY", "1")
	n := startNode(t, "--quiet", "10m")
	getscu := tool(t, "getscu")
	same := 0
	syntaxes := map[radnode.UID]int{}
	for _, round := range realFiles(t) {
		n.anew()
		host, port := n.hostPort()
		dir, scp := t.TempDir(), free(t)
		background(t, scp, tool(t, "storescp"), "+B", "+xa", "-pm", "-od", dir, strconv.Itoa(scp))
		reference := dcmsend(t, "SCP", fmt.Sprintf("127.0.0.1:%d", scp), round)
		answers := dcmsend(t, "RADNODE", n.dicom, round)
		sent := fetched(t, dir)
		taken := slices.DeleteFunc(slices.Clone(round), func(f realFile) bool { return !strings.HasPrefix(answers[f.path], "0x0000") })
		for _, f := range round {
			if a, r := answers[f.path], reference[f.path]; !slices.Contains(taken, f) && a != r && !slices.Contains(slices.Concat(slices.Collect(maps.Values(notTaken))...), f.name) {
				t.Errorf("%s: the node answers %q, storescp %q", f.name, a, r)
			}
		}
		for i, f := range taken { // dcmsend turns what is not compressed into another syntax
			if path := sent[f.sop]; path != "" {
				file, err := dicom.ReadFile(path, dicom.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				taken[i].syntax = file.TransferSyntax
			}
		}
		for syntax, files := range bySyntax(taken) {
			var got map[radnode.UID]string
			if option := getscuOptions[syntax]; option != "" {
				out := t.TempDir()
				command(t, getscu, "-S", "+B", option, "-aec", "RADNODE", "-od", out, "-k", "QueryRetrieveLevel=STUDY", "-k", studiesOf(files), host, port)
				got = fetched(t, out)
			}
			var others []realFile // of classes and syntaxes that getscu does not know
			for _, f := range files {
				if got[f.sop] == "" {
					others = append(others, f)
				}
			}
			if len(others) > 0 {
				fetched := n.fetchFiles(syntax, others)
				maps.Copy(fetched, got)
				got = fetched
			}
			for _, f := range files {
				// storescp does not know some of the retired syntaxes, whose data
				// sets dcmsend sends as they are.
				want, path := cmp.Or(sent[f.sop], f.path), got[f.sop]
				if path == "" || !bytes.Equal(dataSetOf(t, path), dataSetOf(t, want)) {
					t.Errorf("%s (%s): sent %q, fetched %q", f.name, syntax, want, path)
					continue
				}
				same++
				syntaxes[syntax]++
			}
		}
	}
	t.Logf("%d files came back byte for byte, in %d transfer syntaxes: %v", same, len(syntaxes), slices.Sorted(maps.Keys(syntaxes)))
	if same < 150 || len(syntaxes) < 10 {
		t.Error("that is too few")
	}
	n.balanced()
}
