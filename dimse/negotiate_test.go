package dimse_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
)

func TestPresentationContextsAreAnsweredByTheTables(t *testing.T) {
	const (
		privateClass  radnode.UID = "1.3.46.670589.11.0.0.12.1"
		privateSyntax radnode.UID = "1.2.840.113619.5.2"
		jpeg          radnode.UID = "1.2.840.10008.1.2.4.50"
		bigEndian     radnode.UID = "1.2.840.10008.1.2.2"
	)
	list := func(uids ...radnode.UID) []radnode.UID { return uids }
	strict := dimse.ServerConfig{Store: &memoryStore{}}
	open := dimse.ServerConfig{Store: &memoryStore{}, AcceptUnknownClasses: true, AcceptUnknownSyntaxes: true}
	tests := []struct {
		name     string
		cfg      dimse.ServerConfig
		class    radnode.UID
		syntaxes []radnode.UID
		want     ul.ContextResult
		syntax   radnode.UID
	}{
		{"the sender's favourite is taken", strict, secondaryCapture, list(jpeg, dimse.ImplicitVRLittleEndian), ul.Acceptance, jpeg},
		{"big endian is kept as sent", strict, secondaryCapture, list(bigEndian), ul.Acceptance, bigEndian},
		{"an unknown syntax is passed over", strict, secondaryCapture, list(privateSyntax, jpeg), ul.Acceptance, jpeg},
		{"only an unknown syntax", strict, secondaryCapture, list(privateSyntax), ul.TransferSyntaxesNotSupported, ""},
		{"an unknown syntax if configured", open, secondaryCapture, list(privateSyntax), ul.Acceptance, privateSyntax},
		{"a private class", strict, privateClass, list(jpeg), ul.AbstractSyntaxNotSupported, ""},
		{"a private class if configured", open, privateClass, list(jpeg), ul.Acceptance, jpeg},
		{"verification in JPEG makes no sense", strict, dimse.Verification, list(jpeg), ul.TransferSyntaxesNotSupported, ""},
		{"a query without a handler", open, dimse.StudyRootFind, list(dimse.ImplicitVRLittleEndian), ul.AbstractSyntaxNotSupported, ""},
		{"storage without a handler", dimse.ServerConfig{}, secondaryCapture, list(jpeg), ul.AbstractSyntaxNotSupported, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address, _ := startServer(t, tt.cfg)
			c := dial(t, address, []dimse.Proposal{{SOPClassUID: tt.class, TransferSyntaxes: tt.syntaxes}})
			want := []dimse.ContextOutcome{{SOPClassUID: tt.class, Proposed: tt.syntaxes, TransferSyntaxUID: tt.syntax, Result: tt.want}}
			if diff := cmp.Diff(want, c.Outcomes()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryStorageClassAndTransferSyntaxIsAccepted(t *testing.T) {
	address, _ := startServer(t, dimse.ServerConfig{Store: &memoryStore{}})
	var contexts []dimse.Proposal
	for i, class := range dicom.StorageSOPClasses {
		contexts = append(contexts, dimse.Proposal{
			SOPClassUID: class.UID, TransferSyntaxes: []radnode.UID{dicom.TransferSyntaxes[i%len(dicom.TransferSyntaxes)].UID},
		})
	}
	for len(contexts) > 0 {
		n := min(len(contexts), ul.MaxContexts)
		for _, o := range dial(t, address, contexts[:n]).Outcomes() {
			if o.Result != ul.Acceptance {
				t.Errorf("class %s: %v", o.SOPClassUID, o.Result)
			}
		}
		contexts = contexts[n:]
	}
}

func TestRolesAndStorageLevelAreAnswered(t *testing.T) {
	a := newArchive(t, 0, 0, 0)
	address, _ := startServer(t, a.config())
	c := dial(t, address, []dimse.Proposal{
		{SOPClassUID: secondaryCapture, TransferSyntaxes: []radnode.UID{dimse.ExplicitVRLittleEndian}, Provide: true, Extended: []byte{2, 0, 0, 0, 0, 0}},
		{SOPClassUID: dimse.Verification, TransferSyntaxes: []radnode.UID{dimse.ImplicitVRLittleEndian}, Provide: true},
	})
	u := dimse.AnswerOf(c)
	want := []ul.RoleSelection{{SOPClassUID: string(secondaryCapture), SCP: true}, {SOPClassUID: string(dimse.Verification)}}
	if diff := cmp.Diff(want, u.Roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	// PS3.4 B.3.1.4.1: level 2, signatures kept, no coercion.
	if diff := cmp.Diff([]byte{2, 0, 3, 0, 0, 0}, u.Extended[0].Information); diff != "" {
		t.Errorf("storage level (-want +got):\n%s", diff)
	}
}

func TestAPeerUsesOnlyTheServicesItMay(t *testing.T) {
	a := newArchive(t, 1, 3, 10)
	cfg := a.config()
	cfg.Allow = func(_ context.Context, _ *dimse.Association, s dimse.Service) bool { return s == dimse.ServiceRetrieve }
	address, _ := startServer(t, cfg)
	explicit := []radnode.UID{dimse.ExplicitVRLittleEndian}
	c := dial(t, address, []dimse.Proposal{
		{SOPClassUID: dimse.StudyRootFind, TransferSyntaxes: explicit},
		{SOPClassUID: dimse.StudyRootMove, TransferSyntaxes: explicit},
		{SOPClassUID: secondaryCapture, TransferSyntaxes: explicit},
		{SOPClassUID: dimse.ModalityPerformedStep, TransferSyntaxes: explicit},
	})
	var got []ul.ContextResult
	for _, o := range c.Outcomes() {
		got = append(got, o.Result)
	}
	if diff := cmp.Diff([]ul.ContextResult{ul.UserRejection, ul.Acceptance, ul.UserRejection, ul.UserRejection}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The right to retrieve includes storage on the way back, and no more.
	c = dial(t, address, dimse.GetContexts(dimse.StudyRootGet, []radnode.UID{secondaryCapture}, explicit))
	var store uids
	result, err := c.Get(context.Background(), dimse.StudyRootGet, studyIdentifier("1.2.826.1.1"), &store, nil)
	if err != nil || result.SubOperations.Completed != 3 {
		t.Errorf("get: %+v %v", result, err)
	}
	if _, err := c.Store(context.Background(), object("1.2.3"), strings.NewReader("x")); radnode.CodeOf(err) != radnode.Unsupported {
		t.Errorf("store: %v", err)
	}
}
