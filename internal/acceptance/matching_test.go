package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/internal/peertest"
)

// corpus is what the queries are asked of: one image each, written by dcmodify.
// The Study ID names it.
var corpus = map[string][]string{
	"S1": {"PatientID=P1", "PatientName=Doe^Jane", "StudyDate=20260102", "StudyTime=1030", "AccessionNumber=A1", "StudyDescription=Chest PA", "Modality=CR",
		"RequestAttributesSequence[0].RequestedProcedureID=RP1", "RequestAttributesSequence[0].ScheduledProcedureStepID=SPS1"},
	"S2": {"PatientID=P2", "PatientName=Doe^John^^Dr.", "StudyDate=20260103", "StudyTime=2359", "AccessionNumber=A2", "StudyDescription=chest lateral", "Modality=DX",
		"RequestAttributesSequence[0].RequestedProcedureID=RP1", "RequestAttributesSequence[0].ScheduledProcedureStepID=SPS2",
		"RequestAttributesSequence[1].RequestedProcedureID=RP2", "RequestAttributesSequence[1].ScheduledProcedureStepID=SPS1"},
	"S3": {"PatientID=P3", "PatientName=Doering^Anna=山田^花子", "SpecificCharacterSet=ISO_IR 192", "StudyDate=20260104", "StudyTime=0005", "AccessionNumber=B3", "StudyDescription=Abdomen", "Modality=CT"},
	"S4": {"PatientID=P1", "PatientName=Doe^Jane", "StudyDate=20251231", "StudyTime=1200", "AccessionNumber=", "StudyDescription=Knee", "Modality=CT"},
}

// corpusFiles writes the corpus.
func corpusFiles(t *testing.T) map[string]string {
	t.Helper()
	base, err := os.ReadFile(shared(t, "dicom/charset/greek_iso_ir_126.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	dir, files := t.TempDir(), map[string]string{}
	for id, values := range corpus {
		files[id] = filepath.Join(dir, id+".dcm")
		if err := os.WriteFile(files[id], base, 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"-nb", "-gst", "-gse", "-gin", "-i", "StudyID=" + id, "-i", "SpecificCharacterSet="}
		for _, v := range values {
			args = append(args, "-i", v)
		}
		if status, out := command(t, tool(t, "dcmodify"), append(args, files[id])...); status != 0 {
			t.Fatal(out)
		}
	}
	return files
}

var studyID = regexp.MustCompile(`\(0020,0010\) SH \[(\S+?) *\]`)

// findscu asks a peer at the study level and returns the Study IDs.
func findscuStudies(t *testing.T, called, address string, keys ...string) ([]string, string) {
	t.Helper()
	host, port, _ := strings.Cut(address, ":")
	args := []string{"-v", "-S", "-aec", called, host, port, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyID", "-k", "StudyInstanceUID"}
	for _, k := range keys {
		args = append(args, "-k", k)
	}
	_, out := command(t, tool(t, "findscu"), args...)
	_, responses, _ := strings.Cut(out, "Sending Find Request")
	ids := []string{}
	for _, m := range studyID.FindAllStringSubmatch(responses, -1) {
		ids = append(ids, m[1])
	}
	slices.Sort(ids)
	return ids, out
}

func TestFindscuMatchesAsTheStandardSays(t *testing.T) {
	n := startNode(t, "--quiet", "10m")
	files := corpusFiles(t)
	args := []string{"store", n.target()}
	for _, path := range files {
		args = append(args, path)
	}
	if status, out := command(t, n.program, args...); status != 0 {
		t.Fatal(out)
	}
	port, _ := orthanc(t, n)
	archive := fmt.Sprintf("127.0.0.1:%d", port)
	args[1] = "ORTHANC@" + archive
	if status, out := command(t, n.program, args...); status != 0 {
		t.Fatal(out)
	}
	uid := func(id string) string { return header(t, files[id]).Text(dicom.StudyInstanceUID) }
	all := []string{"S1", "S2", "S3", "S4"}
	for name, c := range map[string]struct {
		keys  []string
		want  []string
		alone bool // Orthanc reads the standard otherwise, or offers less
	}{
		"universal (C.2.2.2.3)":                     {nil, all, false},
		"single value (C.2.2.2.1)":                  {[]string{"PatientID=P1"}, []string{"S1", "S4"}, false},
		"single value is case sensitive":            {[]string{"PatientID=p1"}, nil, true},
		"a name is not (C.2.2.2.1.1)":               {[]string{"PatientName=doe^jane"}, []string{"S1", "S4"}, false},
		"a name in one of its groups":               {[]string{"SpecificCharacterSet=ISO_IR 192", "PatientName==山田^花子"}, []string{"S3"}, true},
		"family name alone by wild card":            {[]string{"PatientName=doe^*"}, []string{"S1", "S2", "S4"}, false},
		"given name by wild card":                   {[]string{"PatientName=*^jo*"}, []string{"S2"}, false},
		"wild card (C.2.2.2.4)":                     {[]string{"AccessionNumber=A*"}, []string{"S1", "S2"}, false},
		"wild card of one character":                {[]string{"AccessionNumber=?3"}, []string{"S3"}, false},
		"wild card is case sensitive":               {[]string{"StudyDescription=chest*"}, []string{"S2"}, true},
		"a lone asterisk is universal":              {[]string{"AccessionNumber=*"}, all, false},
		"list of UID (C.2.2.2.2)":                   {[]string{"StudyInstanceUID=" + uid("S2") + `\` + uid("S3")}, []string{"S2", "S3"}, false},
		"date (C.2.2.2.5.1)":                        {[]string{"StudyDate=20260103"}, []string{"S2"}, false},
		"range of dates":                            {[]string{"StudyDate=20260102-20260103"}, []string{"S1", "S2"}, false},
		"dates from":                                {[]string{"StudyDate=20260103-"}, []string{"S2", "S3"}, false},
		"dates until":                               {[]string{"StudyDate=-20260102"}, []string{"S1", "S4"}, false},
		"time by its hour (C.2.2.2.5.2)":            {[]string{"StudyTime=10"}, []string{"S1"}, true},
		"range of times":                            {[]string{"StudyTime=1000-1230"}, []string{"S1", "S4"}, false},
		"date and time are apart unless negotiated": {[]string{"StudyDate=20260102-20260104", "StudyTime=0900-1100"}, []string{"S1"}, false},
		"modalities in study (C.3.4)":               {[]string{`ModalitiesInStudy=CT\DX`}, []string{"S2", "S3", "S4"}, false},
		"several keys hold together":                {[]string{"PatientID=P1", "ModalitiesInStudy=CT"}, []string{"S4"}, false},
		"a time zone is nothing unless negotiated":  {[]string{"TimezoneOffsetFromUTC=+0900", "StudyDate=20260103"}, []string{"S2"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == nil {
				c.want = []string{}
			}
			if got, out := findscuStudies(t, "RADNODE", n.dicom, c.keys...); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v: %s", got, c.want, tail([]byte(out)))
			}
			if c.alone {
				return
			}
			if got, _ := findscuStudies(t, "ORTHANC", archive, c.keys...); !slices.Equal(got, c.want) {
				t.Errorf("Orthanc finds %v, we %v", got, c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		study string
		keys  []string
		want  int
	}{
		"a sequence whose item holds both keys (C.2.2.2.6)": {"S2", []string{"RequestAttributesSequence[0].RequestedProcedureID=RP2", "RequestAttributesSequence[0].ScheduledProcedureStepID=SPS1"}, 1},
		"a sequence whose keys are in two items":            {"S2", []string{"RequestAttributesSequence[0].RequestedProcedureID=RP1", "RequestAttributesSequence[0].ScheduledProcedureStepID=SPS1"}, 0},
		"a sequence without keys is universal":              {"S2", []string{"RequestAttributesSequence"}, 1},
		"a sequence that is not there":                      {"S3", []string{"RequestAttributesSequence[0].RequestedProcedureID=RP1"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			host, port := n.hostPort()
			args := []string{"-v", "-S", "-aec", "RADNODE", host, port, "-k", "QueryRetrieveLevel=SERIES", "-k", "StudyInstanceUID=" + uid(c.study), "-k", "SeriesInstanceUID"}
			for _, k := range c.keys {
				args = append(args, "-k", k)
			}
			_, out := command(t, tool(t, "findscu"), args...)
			if got := strings.Count(out, "(Pending"); got != c.want {
				t.Errorf("%d matches, want %d: %s", got, c.want, out)
			}
		})
	}
}

func TestAQueryEndsAtTheLimitAndByCancel(t *testing.T) {
	n := startNode(t, "--quiet", "10m", "--matches", "2")
	for _, path := range corpusFiles(t) {
		if status, out := command(t, n.program, "store", n.target(), path); status != 0 {
			t.Fatal(out)
		}
	}
	host, port := n.hostPort()
	query := []string{"-v", "-S", "-aec", "RADNODE", host, port, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID"}
	_, out := command(t, tool(t, "findscu"), query...)
	if strings.Count(out, "(Pending") != 2 || !strings.Contains(out, "0xb001") && !strings.Contains(out, "B001") && !strings.Contains(out, "Warning") {
		t.Errorf("limit: %s", out)
	}
	// findscu cancels after the first response; the answers may be on their way.
	status, out := command(t, tool(t, "findscu"), append([]string{"--cancel", "1"}, query...)...)
	if status != 0 || !strings.Contains(out, "Cancel") {
		t.Errorf("cancel, exit %d: %s", status, out)
	}
}

// negotiated opens an association by hand that proposes everything and returns
// the user information of the answer.
func negotiated(t *testing.T, address string, subItems ...[]byte) []byte {
	t.Helper()
	p := peertest.Connect(t, address)
	implicit := []string{string(dimse.ImplicitVRLittleEndian)}
	p.Send(peertest.AssociateRQ("RADNODE", "MODALITY", peertest.UserInformation(16384, subItems...),
		peertest.Context{ID: 1, Abstract: string(dimse.StudyRootFind), Syntaxes: implicit}, peertest.Context{ID: 3, Abstract: string(dimse.StudyRootMove), Syntaxes: implicit},
		peertest.Context{ID: 5, Abstract: string(secondaryCapture), Syntaxes: implicit}, peertest.Context{ID: 7, Abstract: string(dimse.StorageCommitmentPushModel), Syntaxes: implicit},
		peertest.Context{ID: 9, Abstract: string(dimse.StudyRootGet), Syntaxes: implicit}))
	body := p.Expect(2)
	p.Send(peertest.ReleaseRQ())
	p.Expect(6)
	return body
}

// extended makes the sub-item of extended negotiation (PS3.7 D.3.3.5).
func extended(class string, information ...byte) []byte {
	return peertest.Item(0x56, append(append([]byte{0, byte(len(class))}, class...), information...)...)
}

func TestWhatIsNegotiatedIsAnsweredByteForByte(t *testing.T) {
	n := startNode(t)
	find, move, get, storage, commit := string(dimse.StudyRootFind), string(dimse.StudyRootMove), string(dimse.StudyRootGet), string(secondaryCapture), string(dimse.StorageCommitmentPushModel)
	for name, c := range map[string]struct{ offered, want []byte }{
		"asynchronous operations, unlimited (PS3.7 D.3.3.3)":       {peertest.Item(0x53, 0, 0, 0, 0), peertest.Item(0x53, 0, 1, 0, 1)},
		"asynchronous operations, eight":                           {peertest.Item(0x53, 0, 8, 0, 8), peertest.Item(0x53, 0, 1, 0, 1)},
		"extended negotiation of C-FIND (PS3.4 C.5.1.1)":           {extended(find, 1, 1, 1, 1, 1), extended(find, 1, 1, 1, 1, 0)},
		"extended negotiation of C-FIND, relational alone":         {extended(find, 1), extended(find, 1)},
		"extended negotiation of C-FIND, nothing wanted":           {extended(find, 0, 0, 0), extended(find, 0, 0, 0)},
		"extended negotiation of C-MOVE (C.5.2.1)":                 {extended(move, 1, 1), extended(move, 1, 0)},
		"extended negotiation of C-GET (C.5.3.1)":                  {extended(get, 1), extended(get, 1)},
		"extended negotiation of storage (B.3.1.4.1)":              {extended(storage, 2, 0, 3, 0, 1, 0), extended(storage, 2, 0, 3, 0, 0, 0)},
		"role of a provider of objects (PS3.7 D.3.3.4)":            {peertest.Role(storage, false, true), peertest.Role(storage, false, true)},
		"both roles of storage":                                    {peertest.Role(storage, true, true), peertest.Role(storage, true, true)},
		"both roles of storage commitment (PS3.4 J.3.3)":           {peertest.Role(commit, true, true), peertest.Role(commit, true, true)},
		"a provider of queries is not what the node wants to call": {peertest.Role(find, true, true), peertest.Role(find, true, false)},
	} {
		t.Run(name, func(t *testing.T) {
			if body := negotiated(t, n.dicom, c.offered); !bytes.Contains(body, c.want) {
				t.Errorf("no % X in % X", c.want, body)
			}
		})
	}
	if body := negotiated(t, n.dicom); bytes.Contains(body, []byte{0x53, 0, 0, 4}) || bytes.Contains(body, []byte{0x56, 0, 0}) || bytes.Contains(body, []byte{0x59, 0, 0}) {
		t.Errorf("what was not offered is answered: % X", body)
	}
}

func TestWhatWasNegotiatedChangesTheMatches(t *testing.T) {
	n := startNode(t, "--quiet", "10m")
	for _, path := range corpusFiles(t) {
		if status, out := command(t, n.program, "store", n.target(), path); status != 0 {
			t.Fatal(out)
		}
	}
	_, offset := time.Date(2026, 1, 3, 23, 59, 0, 0, time.Local).Zone()
	east := time.Date(2026, 1, 3, 0, 0, 0, 0, time.FixedZone("", offset+2*3600)).Format("-0700")
	for name, c := range map[string]struct {
		options dimse.QueryOptions
		level   string
		keys    map[dicom.Tag]string
		want    []string
	}{
		"relational: images of a patient": {dimse.QueryOptions{Relational: true}, "IMAGE", map[dicom.Tag]string{dicom.PatientID: "P1"}, []string{"S1", "S4"}},
		"combined date and time": {dimse.QueryOptions{DateTime: true}, "STUDY", map[dicom.Tag]string{dicom.StudyDate: "20260102-20260104", dicom.StudyTime: "1100-0001"},
			[]string{"S2"}},
		"fuzzy names":                 {dimse.QueryOptions{FuzzyNames: true}, "STUDY", map[dicom.Tag]string{dicom.PatientName: "an dörring", dicom.SpecificCharacterSet: "ISO_IR 192"}, []string{"S3"}},
		"time zone of the requestor":  {dimse.QueryOptions{TimezoneAdjust: true}, "STUDY", map[dicom.Tag]string{dicom.TimezoneOffsetFromUTC: east, dicom.StudyDate: "20260104", dicom.StudyTime: "0100-0215"}, []string{"S2", "S3"}},
		"without relational: refused": {dimse.QueryOptions{}, "IMAGE", map[dicom.Tag]string{dicom.PatientID: "P1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := dimse.Dial(t.Context(), n.dicom, dimse.ClientConfig{CallingAE: "DESK", CalledAE: "RADNODE"}, dimse.QueryContexts(dimse.StudyRootFind, c.options))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			keys := dicom.NewDataset()
			if set := c.keys[dicom.SpecificCharacterSet]; set != "" {
				keys.SetText(dicom.SpecificCharacterSet, set)
			}
			for tag, value := range c.keys {
				keys.SetText(tag, value)
			}
			keys.SetText(dicom.QueryRetrieveLevel, c.level)
			keys.SetText(dicom.StudyID, "")
			var got []string
			response, err := client.Find(t.Context(), dimse.StudyRootFind, keys, func(d *dicom.Dataset) error {
				got = append(got, d.Text(dicom.StudyID))
				return nil
			})
			slices.Sort(got)
			if err != nil || !slices.Equal(got, c.want) || (response.Status == dimse.StatusSuccess) != (c.want != nil) {
				t.Errorf("%v, %s: got %v, want %v", err, response.Status, got, c.want)
			}
		})
	}
}
