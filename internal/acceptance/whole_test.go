package acceptance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

// modality is an association of a device that reports performed steps.
func (n *startedNode) modality() *dimse.Client {
	n.t.Helper()
	c, err := dimse.Dial(context.Background(), n.dicom, dimse.ClientConfig{CallingAE: "MODALITY", CalledAE: "RADNODE"}, dimse.StepContexts())
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = c.Close() })
	return c
}

func step(status string, study radnode.UID, images ...radnode.UID) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetText(dicom.PerformedProcedureStepStatus, status)
	scheduled := dicom.NewDataset()
	scheduled.SetUID(dicom.StudyInstanceUID, study)
	d.SetItems(dicom.ScheduledStepAttributesSequence, scheduled)
	series := dicom.NewDataset()
	var references []*dicom.Dataset
	for _, uid := range images {
		item := dicom.NewDataset()
		item.SetUID(dicom.ReferencedSOPInstanceUID, uid)
		references = append(references, item)
	}
	series.SetItems(dicom.ReferencedImageSequence, references...)
	d.SetItems(dicom.PerformedSeriesSequence, series)
	return d
}

func TestACompletedStepIsEvidenceThatItsStudyIsWhole(t *testing.T) {
	n := startNode(t, "--quiet", "10m")
	d := header(t, film())
	study, image := d.UID(dicom.StudyInstanceUID), d.UID(dicom.SOPInstanceUID)
	ctx, c, uid := context.Background(), n.modality(), radnode.NewUID()
	if err := c.CreateStep(ctx, uid, step(dimse.StepInProgress, study)); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateStep(ctx, uid, step(dimse.StepInProgress, study)); err == nil {
		t.Error("a step was created twice")
	}
	if status, out := command(t, n.program, "store", n.target(), film()); status != 0 {
		t.Fatal(out)
	}
	time.Sleep(2 * time.Second)
	if s := n.studies(); len(s) != 1 || s[0].State != radnode.Arriving {
		t.Errorf("the study did not wait for its step: %+v", s)
	}
	if err := c.SetStep(ctx, uid, step(dimse.StepCompleted, study, image)); err != nil {
		t.Fatal(err)
	}
	n.settled(1)
	if err := c.SetStep(ctx, uid, step(dimse.StepDiscontinued, study)); err == nil {
		t.Error("a completed step was changed")
	}
	if err := c.SetStep(ctx, radnode.NewUID(), step(dimse.StepCompleted, study)); err == nil {
		t.Error("an unknown step was changed")
	}
	n.balanced()
}

func TestTheReleaseOfAnAssociationIsEvidenceThatItsStudyIsWhole(t *testing.T) {
	n := startNode(t, "--quiet", "10m")
	folders, err := filepath.Glob(filepath.Join(shared(t, "dicom/series"), "*"))
	if err != nil || len(folders) == 0 {
		t.Fatal(folders, err)
	}
	if status, out := command(t, n.program, "store", n.target(), folders[0]); status != 0 {
		t.Fatal(out)
	}
	count := len(n.studies())
	if count == 0 {
		t.Fatal("nothing arrived")
	}
	n.settled(count)
	n.balanced()
}

// instances are real images of one study.
func instances(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(shared(t, "dicom/series/ct_liver"), "*.dcm"))
	if err != nil || len(files) < 3 {
		t.Skipf("no series: %v %v", files, err)
	}
	return files
}

func (n *startedNode) completeness(study radnode.UID, want radnode.CompletenessState) radnode.Completeness {
	n.t.Helper()
	var c radnode.Completeness
	eventually(n.t, "the study is "+string(want), 40*time.Second, func() bool {
		c = n.study(study).Completeness
		return c.State == want
	})
	return c
}

func TestAStudyWaitsForAsManyInstancesAsItsSenderHas(t *testing.T) {
	files := instances(t)
	d := header(t, files[0])
	study := d.UID(dicom.StudyInstanceUID)
	n := startNode(t, "--quiet", "1s")
	for name, sender := range map[string]func(t *testing.T) (peer string, send func(paths ...string)){
		"Orthanc counts": func(t *testing.T) (string, func(...string)) {
			port, api := orthanc(t, n)
			target := fmt.Sprintf("ORTHANC@127.0.0.1:%d", port)
			if status, out := command(t, n.program, append([]string{"store", target}, files...)...); status != 0 {
				t.Fatal(out)
			}
			return target, func(paths ...string) {
				for _, path := range paths {
					found := post(t, api+"/tools/find", `{"Level":"Instance","Query":{"SOPInstanceUID":"`+header(t, path).Text(dicom.SOPInstanceUID)+`"}}`)
					post(t, api+"/modalities/radnode/store", found)
				}
			}
		},
		"dcmqrscp lists": func(t *testing.T) (string, func(...string)) {
			target := dcmqrscp(t, n)
			if status, out := command(t, n.program, append([]string{"store", target}, files...)...); status != 0 {
				t.Fatal(out)
			}
			return target, func(paths ...string) {
				for _, path := range paths {
					d := header(t, path)
					if status, out := command(t, n.program, "move", target, "--to", "RADNODE", "--level", "image", "-k", "StudyInstanceUID="+string(study),
						"-k", "SeriesInstanceUID="+d.Text(dicom.SeriesInstanceUID), "-k", "SOPInstanceUID="+d.Text(dicom.SOPInstanceUID)); status != 0 {
						t.Fatal(out)
					}
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			n.kill()
			n.data = filepath.Join(t.TempDir(), "data")
			n.start()
			target, send := sender(t)
			ae, _, _ := strings.Cut(target, "@")
			n.peer("add", ae, target, "--expect-count")
			time.Sleep(peersRead)
			send(files[0])
			c := n.completeness(study, radnode.ImagesMissing)
			eventually(t, "the sender has said how many there are", 10*time.Second, func() bool {
				c = n.study(study).Completeness
				return c.Expected == len(files)
			})
			if c.Here != 1 || !strings.Contains(c.Reason, fmt.Sprintf("1 of the %d instances", len(files))) {
				t.Errorf("%+v", c)
			}
			time.Sleep(1500 * time.Millisecond) // longer than the quiet time
			if s := n.study(study); s.State != radnode.Arriving {
				t.Errorf("the study is %s (%s)", s.State, s.StateReason)
			}
			send(files[1:]...)
			if c := n.completeness(study, radnode.ImagesWhole); c.Here != len(files) || !strings.Contains(c.Reason, fmt.Sprintf("all %d instances", len(files))) {
				t.Errorf("%+v", c)
			}
			n.settled(1)
			n.balanced()
		})
	}
}

// dcmqrscp starts DCMTK's archive with the node as its only destination and
// returns how to call it.
func dcmqrscp(t *testing.T, n *startedNode) string {
	t.Helper()
	dir, port := t.TempDir(), free(t)
	_, ours := n.hostPort()
	config := filepath.Join(dir, "dcmqrscp.cfg")
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("NetworkTCPPort = %d\nMaxPDUSize = 65536\nMaxAssociations = 16\nHostTable BEGIN\nrad = (RADNODE, 127.0.0.1, %s)\nHostTable END\nVendorTable BEGIN\nVendorTable END\nAETable BEGIN\nQR %s RW (100, 1024mb) ANY\nAETable END\n",
		port, ours, filepath.Join(dir, "db"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, port, tool(t, "dcmqrscp"), "-c", config)
	return fmt.Sprintf("QR@127.0.0.1:%d", port)
}

func TestTheRulesOfADeviceDecideWhenItsStudiesAreWhole(t *testing.T) {
	files := instances(t)
	study := header(t, files[0]).UID(dicom.StudyInstanceUID)
	for name, c := range map[string]struct {
		rules []string
		want  radnode.CompletenessState
	}{
		"its quiet time is long":                     {[]string{"--study-quiet", "10m", "--ignore-release"}, radnode.ImagesArriving},
		"the release of its association is believed": {[]string{"--study-quiet", "10m"}, radnode.ImagesWhole},
		"it reports steps":                           {[]string{"--wait-mpps"}, radnode.ImagesMissing},
		"its quiet time is short":                    {[]string{"--study-quiet", "1s", "--ignore-release"}, radnode.ImagesWhole},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, "--quiet", "10m")
			n.peer(append([]string{"add", "CT", "CT@127.0.0.1:104"}, c.rules...)...)
			time.Sleep(peersRead)
			if status, out := command(t, n.program, append([]string{"store", n.target(), "--ae", "CT"}, files...)...); status != 0 {
				t.Fatal(out)
			}
			if c.want == radnode.ImagesArriving {
				time.Sleep(3 * time.Second)
			}
			got := n.completeness(study, c.want)
			t.Log(got.Reason)
			if c.want != radnode.ImagesWhole {
				return
			}
			// A late image re-opens it.
			if status, out := command(t, tool(t, "storescu"), "-aec", "RADNODE", "-aet", "CT", "127.0.0.1", strings.Split(n.dicom, ":")[1], lateImage(t, files[0])); status != 0 {
				t.Fatal(out)
			}
			eventually(t, "the late image is counted", 20*time.Second, func() bool {
				s := n.study(study)
				return s.Completeness.Here == len(files)+1 || s.Completeness.State == radnode.ImagesArriving
			})
		})
	}
}

// lateImage is a copy of an image with a UID of its own.
func lateImage(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "late.dcm")
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := command(t, tool(t, "dcmodify"), "-nb", "-gin", copied); status != 0 {
		t.Fatal(out)
	}
	return copied
}

func TestAReleaseAfterARefusalIsNoEvidence(t *testing.T) {
	files := instances(t)
	n := startNode(t, "--quiet", "10m")
	broken := filepath.Join(t.TempDir(), "broken.dcm")
	text, err := os.ReadFile(files[len(files)-1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, text, 0o600); err != nil {
		t.Fatal(err)
	}
	// An image of the study that the node does not take comes among the others.
	if status, out := command(t, tool(t, "dcmodify"), "-nb", "-e", "SeriesInstanceUID", broken); status != 0 {
		t.Fatal(out)
	}
	if status, out := command(t, n.program, append([]string{"store", n.target(), broken}, files[:len(files)-1]...)...); status != 1 || !strings.Contains(out, "A900") {
		t.Fatalf("exit %d: %s", status, out)
	}
	time.Sleep(2 * time.Second)
	study := header(t, files[0]).UID(dicom.StudyInstanceUID)
	if s := n.study(study); s.State != radnode.Arriving || s.Completeness.State == radnode.ImagesWhole {
		t.Errorf("the study is %s (%s): %+v", s.State, s.StateReason, s.Completeness)
	}
}
