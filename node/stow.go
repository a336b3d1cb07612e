package node

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/workflow"
)

// stowSender brings objects to a DICOMweb service (PS3.18 10.5).
type stowSender struct{ web webDestinations }

var _ workflow.Sender = stowSender{}

const jsonType = "application/dicom+json"

// answerLimits bound what is read of an answer, whose bytes are bounded already.
var answerLimits = dicomjson.Limits{Depth: 8, Elements: 100_000}

// Store implements workflow.Sender.
func (s stowSender) Store(ctx context.Context, peer radnode.Peer, o workflow.Object) error {
	f, err := os.Open(o.Path)
	if err != nil {
		return radnode.Errorf(radnode.Internal, "deliver", "our own document cannot be read: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return radnode.Errorf(radnode.Internal, "deliver", "our own document cannot be read: %w", err)
	}
	boundary := "radnode-" + boundaryOf(o.SOPInstanceUID)
	head := fmt.Sprintf("--%s\r\nContent-Type: application/dicom\r\n\r\n", boundary)
	tail := fmt.Sprintf("\r\n--%s--\r\n", boundary)
	a, err := s.web.do(ctx, peer, webRequest{
		method: http.MethodPost, url: endpoint(peer.URL, "studies", string(o.StudyInstanceUID)), accept: jsonType,
		contentType: fmt.Sprintf("multipart/related; type=%q; boundary=%s", "application/dicom", boundary),
		body:        io.MultiReader(strings.NewReader(head), f, strings.NewReader(tail)), length: int64(len(head)) + info.Size() + int64(len(tail)),
	})
	if a == nil || a.status != http.StatusAccepted && a.status != http.StatusConflict {
		return err
	}
	return failedObject(a, o)
}

// boundaryOf is a boundary that does not occur in an object of this UID by chance.
func boundaryOf(uid radnode.UID) string {
	return strings.ReplaceAll(string(radnode.DeriveUID("boundary", string(uid))), ".", "-")
}

// failedObject reads from an answer what became of an object (PS3.18 10.5.3).
func failedObject(a *answer, o workflow.Object) error {
	const op = "deliver"
	list, err := dicomjson.Decode(a.body, answerLimits)
	if err != nil {
		return workflow.Answered(radnode.Errorf(radnode.Unavailable, op, "the destination answered %d with words that cannot be read", a.status))
	}
	for _, d := range list {
		for _, item := range d.Items(dicom.ReferencedSOPSequence) {
			if item.UID(dicom.ReferencedSOPInstanceUID) == o.SOPInstanceUID {
				return nil // stored, perhaps with a warning
			}
		}
		for _, item := range d.Items(dicom.FailedSOPSequence) {
			if uid := item.UID(dicom.ReferencedSOPInstanceUID); uid != "" && uid != o.SOPInstanceUID {
				continue
			}
			reason, _ := item.Int(dicom.FailureReason)
			return storeError(&dimse.StatusError{Status: dimse.Status(reason)})
		}
	}
	return workflow.Answered(radnode.Errorf(radnode.Unavailable, op, "the destination answered %d and does not name the object", a.status))
}

// Prove implements workflow.Sender: a search for the exact instance (PS3.18
// 10.6), else its metadata (10.4).
func (s stowSender) Prove(ctx context.Context, peer radnode.Peer, objects []workflow.Object) (string, error) {
	proof := ""
	for _, o := range objects {
		var err error
		if proof, err = s.proveOne(ctx, peer, o); err != nil {
			return "", err
		}
	}
	return proof, nil
}

func (s stowSender) proveOne(ctx context.Context, peer radnode.Peer, o workflow.Object) (string, error) {
	const op = "prove delivery"
	series := endpoint(peer.URL, "studies", string(o.StudyInstanceUID), "series", string(o.SeriesInstanceUID), "instances")
	a, err := s.web.do(ctx, peer, webRequest{method: http.MethodGet, url: series + "?SOPInstanceUID=" + url.QueryEscape(string(o.SOPInstanceUID)), accept: jsonType})
	proof := "query"
	if code := radnode.CodeOf(err); a != nil && (code == radnode.NotFound || code == radnode.Unsupported || code == radnode.Invalid) {
		// Not every service searches; to hand the instance out is proof as well.
		a, err = s.web.do(ctx, peer, webRequest{method: http.MethodGet, url: series + "/" + string(o.SOPInstanceUID) + "/metadata", accept: jsonType})
		proof = "retrieval of its metadata"
	}
	switch {
	case err != nil:
		return "", err
	case a.status == http.StatusNoContent:
		return "", workflow.Answered(radnode.Errorf(radnode.NotFound, op, "a search of the destination does not find the object"))
	}
	list, err := dicomjson.Decode(a.body, answerLimits)
	if err != nil {
		return "", workflow.Answered(radnode.Errorf(radnode.Unavailable, op, "the answer to the search cannot be read: %w", err))
	}
	for _, d := range list {
		if d.UID(dicom.SOPInstanceUID) == o.SOPInstanceUID {
			return proof, nil
		}
	}
	return "", workflow.Answered(radnode.Errorf(radnode.NotFound, op, "a search of the destination does not find the object"))
}

// Takes implements workflow.Sender: a web service does not tell before it is
// sent an object.
func (stowSender) Takes(context.Context, radnode.Peer, []radnode.UID) (map[radnode.UID]bool, error) {
	return nil, nil
}

// endpoint is an address below that of a destination.
func endpoint(base string, parts ...string) string {
	return strings.TrimRight(base, "/") + "/" + strings.Join(parts, "/")
}
