package dimse_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

// commands has each message once, with all that may stand in it.
func commands() []*dimse.Command {
	return []*dimse.Command{
		{Field: dimse.CEchoRQ, MessageID: 1, AffectedSOPClassUID: dimse.Verification},
		{Field: dimse.CEchoRSP, MessageIDBeingRespondedTo: 1, AffectedSOPClassUID: dimse.Verification},
		{Field: dimse.CStoreRQ, MessageID: 2, AffectedSOPClassUID: secondaryCapture, AffectedSOPInstanceUID: "1.2.3", Priority: dimse.Low, HasDataSet: true, MoveOriginatorAE: "MOVER", MoveOriginatorMessageID: 9},
		{Field: dimse.CStoreRSP, MessageIDBeingRespondedTo: 2, AffectedSOPClassUID: secondaryCapture, AffectedSOPInstanceUID: "1.2.3", Status: dimse.StatusOutOfResources, ErrorComment: "disk full", OffendingElements: []dicom.Tag{dicom.PatientID, dicom.PatientName}},
		{Field: dimse.CFindRQ, MessageID: 3, AffectedSOPClassUID: dimse.StudyRootFind, HasDataSet: true},
		{Field: dimse.CMoveRQ, MessageID: 4, AffectedSOPClassUID: dimse.StudyRootMove, MoveDestination: "THIRD", HasDataSet: true},
		{Field: dimse.CMoveRSP, MessageIDBeingRespondedTo: 4, Status: dimse.StatusPending, SubOperations: &dimse.SubOperations{Remaining: 3, Completed: 2}},
		{Field: dimse.CMoveRSP, MessageIDBeingRespondedTo: 4, SubOperations: &dimse.SubOperations{Completed: 5}},
		{Field: dimse.CCancelRQ, MessageIDBeingRespondedTo: 4},
		{Field: dimse.NActionRQ, MessageID: 5, RequestedSOPClassUID: dimse.StorageCommitmentPushModel, RequestedSOPInstanceUID: dimse.StorageCommitmentInstance, ActionTypeID: 1, HasDataSet: true},
		{Field: dimse.NEventReportRQ, MessageID: 6, AffectedSOPClassUID: dimse.StorageCommitmentPushModel, EventTypeID: 2, HasDataSet: true},
		{Field: dimse.NSetRSP, MessageIDBeingRespondedTo: 7, Status: dimse.StatusProcessingFailure, ErrorID: 0xA710},
		{Field: dimse.NGetRQ, MessageID: 8, AttributeIdentifiers: []dicom.Tag{dicom.PatientID}},
	}
}

func TestEveryCommandSurvivesEncodingAndDecoding(t *testing.T) {
	for _, want := range commands() {
		b := dimse.EncodeCommand(want)
		got, err := dimse.ParseCommand(b)
		if err != nil {
			t.Fatalf("%s: %v", want.Field, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s changed on the way (-want +got):\n%s", want.Field, diff)
		}
		// The data set reader of package dicom understands the same bytes.
		d, err := dicom.ReadHeader(bytes.NewReader(b), dimse.ImplicitVRLittleEndian, dicom.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", want.Field, err)
		}
		if n, _ := d.Int(0x00000100); dimse.Field(n) != want.Field {
			t.Errorf("%s: command field %04X", want.Field, n)
		}
		if n, _ := d.Int(0); n != len(b)-12 {
			t.Errorf("%s: group length %d of %d bytes", want.Field, n, len(b))
		}
	}
}

func TestEchoRequestIsEncodedAsTheStandardShows(t *testing.T) {
	var want []byte
	add := func(number uint16, value string) {
		want = binary.LittleEndian.AppendUint16(append(want, 0, 0), number)
		want = append(binary.LittleEndian.AppendUint32(want, uint32(len(value))), value...)
	}
	add(0x0000, "\x38\x00\x00\x00")
	add(0x0002, "1.2.840.10008.1.1\x00")
	add(0x0100, "\x30\x00")
	add(0x0110, "\x07\x00")
	add(0x0800, "\x01\x01")
	got := dimse.EncodeCommand(&dimse.Command{Field: dimse.CEchoRQ, MessageID: 7, AffectedSOPClassUID: dimse.Verification})
	if !bytes.Equal(got, want) {
		t.Errorf("got  % X\nwant % X", got, want)
	}
}

func TestBrokenCommandsAreRefused(t *testing.T) {
	good := dimse.EncodeCommand(commands()[0])
	for name, b := range map[string][]byte{
		"empty":                  {},
		"three bytes":            {0, 0, 0},
		"element beyond the end": append(bytes.Clone(good), 0, 0, 0x50, 0x10, 0xff, 0xff, 0xff, 0xff),
		"another group":          append(bytes.Clone(good), 8, 0, 0, 0, 0, 0, 0, 0),
		"no command field":       {0, 0, 0x10, 1, 2, 0, 0, 0, 1, 0},
	} {
		if _, err := dimse.ParseCommand(b); radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatusTableHasNoGapsForWhatIsSent(t *testing.T) {
	seen := map[dimse.Status]bool{}
	dimse.Statuses(func(first, last dimse.Status, class dimse.Class, text string) {
		if first > last || text == "" || class == "" {
			t.Errorf("row %04X-%04X is broken", uint16(first), uint16(last))
		}
		if first == last {
			if seen[first] {
				t.Errorf("status %04X stands twice", uint16(first))
			}
			seen[first] = true
		}
	})
	codes := 0
	dimse.CodeStatuses(func(code radnode.Code, row [4]dimse.Status) {
		codes++
		for _, s := range row {
			if k := s.Class(); k != dimse.Failure && s != dimse.StatusCancel {
				t.Errorf("code %s becomes %v", code, s)
			}
		}
	})
	if codes != 11 {
		t.Errorf("%d error codes have a status", codes)
	}
	for status, want := range map[dimse.Status]dimse.Class{
		0: dimse.Success, 1: dimse.Warning, 0x0107: dimse.Warning, 0x0116: dimse.Warning, 0x0110: dimse.Failure, 0x0213: dimse.Failure,
		0xA712: dimse.Failure, 0xB123: dimse.Warning, 0xC123: dimse.Failure, 0xFE00: dimse.Cancel, 0xFF00: dimse.Pending, 0xFF01: dimse.Pending,
		0x4242: dimse.Failure,
	} {
		if got := status.Class(); got != want {
			t.Errorf("status %v is %s, want %s", status, got, want)
		}
	}
}

func TestErrorCommentsFitTheirVR(t *testing.T) {
	got := dimse.Comment(strings.Repeat("x", 100))
	if len(got) != 64 || !strings.HasSuffix(got, "...") {
		t.Errorf("%d characters", len(got))
	}
	if got := dimse.Comment("a\\b\nMüller"); got != "a?b?M?ller" {
		t.Errorf("%q", got)
	}
}

// FuzzCommand: no panic, and what was understood comes back the same.
func FuzzCommand(f *testing.F) {
	for _, c := range commands() {
		f.Add(dimse.EncodeCommand(c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := dimse.ParseCommand(b)
		if err != nil {
			return
		}
		second, err := dimse.ParseCommand(dimse.EncodeCommand(first))
		if err != nil {
			t.Fatalf("what was encoded cannot be read: %v", err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("round trip (-first +second):\n%s", diff)
		}
	})
}
