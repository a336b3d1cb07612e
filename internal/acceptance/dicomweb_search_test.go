package acceptance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode/dicom"
)

// qido asks any server for the matches of a search.
func qido(t *testing.T, root, path string) (found []dicomObject, warnings []string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, root+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+serviceToken)
	request.Header.Set("Accept", dicomJSON)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode == http.StatusNoContent {
		return nil, response.Header.Values("Warning")
	}
	if err := json.Unmarshal(body, &found); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s%s: %d %v %.300s", root, path, response.StatusCode, err, body)
	}
	return found, response.Header.Values("Warning")
}

// identifiers are the unique keys of matches, sorted.
func identifiers(list []dicomObject) []string {
	out := []string{}
	for _, o := range list {
		out = append(out, strings.Trim(o.text("0020000D")+"/"+o.text("0020000E")+"/"+o.text("00080018"), "/"))
	}
	slices.Sort(out)
	return out
}

// filled sends the same real objects to both.
func filled(t *testing.T, n *startedNode, orthanc string) {
	t.Helper()
	var files []string
	for _, folder := range []string{"series", "chest", "nonimage", "charset", "image"} {
		list, _ := filepath.Glob(filepath.Join(shared(t, "dicom"), folder, "*.dcm"))
		deeper, _ := filepath.Glob(filepath.Join(shared(t, "dicom"), folder, "*", "*.dcm"))
		files = append(append(files, list...), deeper...)
	}
	both := 0
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || info.Size() > 1<<20 {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// One has a UID that is too long; a few are stored with a warning.
		if status, _ := n.stow("/studies", b); status != http.StatusOK && status != http.StatusAccepted {
			continue
		}
		response, err := http.Post(orthanc+"/instances", "application/dicom", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			continue // objects of no patient, which no search finds here either
		}
		both++
	}
	t.Logf("%d objects in both", both)
}

// found asks for matches by C-FIND with a peer's own client.
func (n *startedNode) found(level string, keys ...string) []string {
	n.t.Helper()
	host, port := n.hostPort()
	args, dir := []string{"-S", "-X", "-od", n.t.TempDir(), "-aec", "RADNODE", "-aet", "MODALITY", host, port, "-k", "QueryRetrieveLevel=" + level,
		"-k", "StudyInstanceUID"}, ""
	dir = args[3]
	if level != "STUDY" {
		args = append(args, "-k", "SeriesInstanceUID")
	}
	for _, k := range keys {
		args = append(args, "-k", k)
	}
	if status, out := command(n.t, tool(n.t, "findscu"), args...); status != 0 {
		n.t.Fatalf("findscu %s: exit %d: %s", args, status, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		n.t.Fatal(err)
	}
	list := []string{}
	for _, f := range files {
		d := header(n.t, f)
		list = append(list, strings.Trim(d.Text(dicom.StudyInstanceUID)+"/"+d.Text(dicom.SeriesInstanceUID), "/"))
	}
	slices.Sort(list)
	return list
}

// TestSearchesFindWhatOrthancAndQueriesFind asks three ways: DICOMweb of the
// node, DICOMweb of Orthanc with the same objects, C-FIND of the node.
func TestSearchesFindWhatOrthancAndQueriesFind(t *testing.T) {
	n := startNode(t)
	orthanc := orthancWeb(t, n)
	filled(t, n, orthanc)
	mine := n.web + "/dicom-web"
	all, _ := qido(t, mine, "/studies")
	one := all[len(all)/2]
	study, patient := one.text("0020000D"), url.QueryEscape(one.text("00100020"))
	for _, path := range []string{
		"/studies", "/series", "/instances", "/studies?PatientID=" + patient, "/studies?00100020=" + patient, "/studies?PatientID=nobody",
		"/studies?StudyInstanceUID=" + study, "/studies?StudyInstanceUID=1.2.3", "/studies?ModalitiesInStudy=CT", "/studies?ModalitiesInStudy=XX",
		"/studies?StudyDate=20040119", "/studies?StudyDate=20000101-20101231", "/studies?StudyDate=20100101-", "/studies?PatientName=Comp*",
		"/studies?PatientName=?om*", "/studies?AccessionNumber=1*", "/studies?StudyID=1*", "/studies?StudyTime=100000-120000",
		"/series?Modality=CT", "/series?Modality=MR", "/series?SeriesNumber=1", "/instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.2",
		"/instances?Modality=US", "/series?PatientID=" + patient, "/instances?StudyInstanceUID=" + study,
		"/studies/" + study + "/series", "/studies/" + study + "/instances", "/studies/" + study + "/series?Modality=CT",
	} {
		got, _ := qido(t, mine, path)
		want, _ := qido(t, orthanc+"/dicom-web", path)
		if g, w := identifiers(got), identifiers(want); !slices.Equal(g, w) {
			t.Errorf("%s: %d matches, Orthanc has %d\n only here: %v\n only there: %v", path, len(g), len(w), without(g, w), without(w, g))
		}
	}
	// Orthanc counts an empty date as earlier than any, has no name for what is
	// empty and compares numbers as texts: there the node is asked twice.
	for _, keys := range []string{
		"", "PatientName=*", "PatientName=*^*", "PatientName=comp*", "StudyDate=-19991231", "StudyDate=20040119-", "StudyTime=-120000", "StudyTime=1000-1200",
		"ReferringPhysicianName=*", "ReferringPhysicianName=?*", "AccessionNumber=", "StudyDate=20000101-20101231&StudyTime=080000-180000",
		"StudyInstanceUID=" + study + ",1.2.3," + all[0].text("0020000D"), "ModalitiesInStudy=MR&PatientSex=F", "PatientID=*1*", "StudyDescription=*e*",
	} {
		var asked []string
		for pair := range strings.SplitSeq(keys, "&") {
			if pair != "" {
				asked = append(asked, strings.ReplaceAll(pair, ",", `\`))
			}
		}
		got, _ := qido(t, mine, "/studies?"+strings.ReplaceAll(keys, "^", "%5E"))
		if g, w := identifiers(got), n.found("STUDY", asked...); !slices.Equal(g, w) {
			t.Errorf("%q: %d matches, a C-FIND has %d\n only here: %v\n only there: %v", keys, len(g), len(w), without(g, w), without(w, g))
		}
	}
	for _, keys := range []string{"", "Modality=CT", "SeriesNumber=1", "SeriesDescription=*"} {
		for _, o := range all {
			uid := o.text("0020000D")
			got, _ := qido(t, mine, "/studies/"+uid+"/series?"+keys)
			want := n.found("SERIES", slices.DeleteFunc([]string{"StudyInstanceUID=" + uid, keys}, func(s string) bool { return s == "" })...)
			if g := identifiers(got); !slices.Equal(g, want) {
				t.Errorf("series of %s, %q: %v, a C-FIND has %v", uid, keys, g, want)
			}
		}
	}
}

func without(a, b []string) []string {
	var out []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}
