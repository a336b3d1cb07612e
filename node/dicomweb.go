package node

import (
	"context"
	"image"
	"io"
	"path/filepath"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/web/dicomweb"
	"github.com/radnode/radnode/web/frames"
	"github.com/radnode/radnode/web/middleware"
	"github.com/radnode/radnode/workflow"
)

// dicomweb puts the origin server together from the parts of the node.
func (n *node) dicomweb(pixels *frames.Cache, origins middleware.Origins) *dicomweb.Service {
	out := egress{n.pool, filepath.Join(n.config.Data, "egress")}
	service := dicomweb.New(
		webIndex{n.desk.store, n.desk.flow}, webFiles{out}, webPixels{pixels},
		webReceiver{n.desk.flow, n.evidence}, webTrail{n},
	)
	service.Workitems, service.Subscriptions = n.desk.flow, subscriptions{n.desk.flow}
	service.Kept, service.Writer = webKept{n.desk.store}, captions{}
	if n.config.WebDelete {
		service.Deleter = n.desk.flow
	}
	service.TempDir, service.Origins = out.dir, origins
	return service
}

// webIndex answers searches from the index.
type webIndex struct {
	store *store.Store
	flow  *workflow.Workflow
}

var _ dicomweb.Index = webIndex{}

// Find implements dicomweb.Index.
func (x webIndex) Find(ctx context.Context, identifier *dicom.Dataset, page dicomweb.Page, each func(*dicom.Dataset) error) (int, []dicom.Tag, error) {
	query, err := store.NewQuery(identifier, store.QueryOptions{PatientRoot: true, Relational: true, FuzzyNames: page.Fuzzy})
	if err != nil {
		return 0, nil, err
	}
	further, err := x.store.FindPart(ctx, query, page.Offset, page.Limit, page.Count, each)
	return further, query.Unsupported(), err
}

// Objects implements dicomweb.Index.
func (x webIndex) Objects(ctx context.Context, study, series, instance radnode.UID) ([]dicomweb.Object, error) {
	identifier := dicom.NewDataset()
	for _, key := range []struct {
		tag   dicom.Tag
		uid   radnode.UID
		level string
	}{{dicom.StudyInstanceUID, study, "STUDY"}, {dicom.SeriesInstanceUID, series, "SERIES"}, {dicom.SOPInstanceUID, instance, "IMAGE"}} {
		if key.uid != "" {
			identifier.SetUID(key.tag, key.uid)
			identifier.SetText(dicom.QueryRetrieveLevel, key.level)
		}
	}
	stored, err := x.store.Objects(ctx, identifier, store.QueryOptions{PatientRoot: true, Relational: true}, mostObjects)
	if err != nil {
		return nil, err
	}
	if len(stored) > mostObjects {
		return nil, radnode.Errorf(radnode.TooLarge, "retrieve", "more than %d instances: ask for the series by themselves", mostObjects)
	}
	list := make([]dicomweb.Object, len(stored))
	for i, o := range stored {
		list[i] = dicomweb.Object{SOPClassUID: o.SOPClassUID, SOPInstanceUID: o.SOPInstanceUID, TransferSyntaxUID: o.TransferSyntaxUID, SeriesInstanceUID: o.SeriesInstanceUID, Path: o.Path}
	}
	return list, nil
}

// mostObjects bounds the instances of one retrieval.
const mostObjects = 1 << 20

// InstancePath implements dicomweb.Index.
func (x webIndex) InstancePath(ctx context.Context, uid radnode.UID) (string, radnode.Instance, error) {
	return x.flow.InstancePath(ctx, uid)
}

// webKept gives out the metadata that were made once a study was quiet.
type webKept struct{ store *store.Store }

var _ dicomweb.Kept = webKept{}

// SeriesMetadata implements dicomweb.Kept.
func (k webKept) SeriesMetadata(ctx context.Context, study radnode.UID, objects []dicomweb.Object) ([]byte, error) {
	stored := make([]store.StoredObject, len(objects))
	for i, o := range objects {
		stored[i].Path = o.Path
	}
	return k.store.SeriesMetadata(ctx, study, objects[0].SeriesInstanceUID, store.MetadataStamp(stored))
}

// captions are written with the fonts of reports.
type captions struct{}

var _ dicomweb.Writer = captions{}

// Write implements dicomweb.Writer.
func (captions) Write(img *image.RGBA, upper, lower []string) error {
	return report.Caption(img, upper, lower)
}

// webFiles gives data sets out in another syntax.
type webFiles struct{ egress egress }

var _ dicomweb.Files = webFiles{}

// Recode implements dicomweb.Files.
func (f webFiles) Recode(ctx context.Context, path string, syntax radnode.UID) (io.ReadCloser, error) {
	return f.egress.recode(ctx, path, syntax)
}

// webPixels gives frames and pictures from the cache of the viewer.
type webPixels struct{ *frames.Cache }

var _ dicomweb.Pixels = webPixels{}

// Picture implements dicomweb.Pixels.
func (p webPixels) Picture(ctx context.Context, path string, inst radnode.Instance, frame int, want dicomweb.Picture) (io.ReadSeekCloser, error) {
	how := frames.Rendering{State: want.State, Size: want.Size, Format: want.Format, Quality: want.Quality}
	if w := want.Window; w != nil {
		how.Window = &pixel.Window{Center: w.Center, Width: w.Width, Function: w.Function}
	}
	return p.Cache.Picture(ctx, path, inst, frame, how)
}

// webReceiver takes instances in as the receiver of C-STORE does.
type webReceiver struct {
	flow     *workflow.Workflow
	evidence *evidence
}

var _ dicomweb.Receiver = webReceiver{}

// Receive implements dicomweb.Receiver.
func (r webReceiver) Receive(ctx context.Context, from dicomweb.Sender, ts, class, instance radnode.UID, data io.Reader) error {
	if _, known := dicom.LookupSOPClass(class); !known && !dimse.MayBeStorage(class) {
		return radnode.Errorf(radnode.Unsupported, "store", "the SOP class is not one of storage")
	}
	err := r.flow.Ingest(ctx, workflow.Source{Name: from.Name, Remote: from.Remote}, ts, class, instance, data)
	if err == nil {
		r.evidence.stored(requestID(from), instance)
	}
	return err
}

// Received implements dicomweb.Receiver: the end of a request says as much as
// the release of an association.
func (r webReceiver) Received(from dicomweb.Sender) {
	e, id := r.evidence, requestID(from)
	e.mu.Lock()
	s := e.sending[id]
	delete(e.sending, id)
	e.mu.Unlock()
	if s != nil {
		e.tell(news{instances: s.last, few: s.count < manyEnough, at: time.Now()})
	}
}

func requestID(from dicomweb.Sender) string { return "STOW " + from.Request }

// webTrail writes the rows of the trail beside the work.
type webTrail struct{ node *node }

var _ dicomweb.Trail = webTrail{}

// Record implements dicomweb.Trail.
func (t webTrail) Record(_ context.Context, e audit.Event) error {
	t.node.audit(e)
	return nil
}
