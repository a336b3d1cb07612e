package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

// Selection is what a query or retrieval asks a peer for.
type Selection struct {
	Level       string   // patient, study, series or image
	Keys        []string // ATTRIBUTE[=VALUE], attributes by keyword or (gggg,eeee); inside a sequence SEQUENCE.ATTRIBUTE
	PatientRoot bool
	Relational  bool
	DateTime    bool // combined date-time matching
	Fuzzy       bool // fuzzy matching of names
}

// levels are the levels and what is asked for when nothing is said.
var levels = map[string][]dicom.Tag{
	"PATIENT": {dicom.PatientName, dicom.PatientID, dicom.PatientBirthDate, dicom.PatientSex},
	"STUDY": {dicom.StudyDate, dicom.StudyTime, dicom.AccessionNumber, dicom.ModalitiesInStudy, dicom.StudyDescription, dicom.PatientName,
		dicom.PatientID, dicom.StudyInstanceUID, dicom.NumberOfStudyRelatedInstances},
	"SERIES": {dicom.Modality, dicom.SeriesDescription, dicom.StudyInstanceUID, dicom.SeriesInstanceUID, dicom.SeriesNumber, dicom.NumberOfSeriesRelatedInstances},
	"IMAGE":  {dicom.SOPClassUID, dicom.SOPInstanceUID, dicom.StudyInstanceUID, dicom.SeriesInstanceUID, dicom.InstanceNumber},
}

// identifier makes the identifier; for a query with what is usually wanted
// back.
func (s Selection) identifier(query bool) (*dicom.Dataset, error) {
	level := strings.ToUpper(s.Level)
	usual, known := levels[level]
	if !known {
		return nil, radnode.Errorf(radnode.Invalid, "query", "%q is no level: patient, study, series or image", s.Level)
	}
	if level == "PATIENT" && !s.PatientRoot {
		return nil, radnode.Errorf(radnode.Invalid, "query", "the patient level needs the patient root information model")
	}
	d := dicom.NewDataset()
	if query && !slices.ContainsFunc(s.Keys, func(k string) bool { return !strings.Contains(k, "=") }) {
		for _, t := range usual {
			d.SetBytes(t, "", nil)
		}
	}
	for _, text := range s.Keys {
		path, value, _ := strings.Cut(text, "=")
		if err := setKey(d, strings.Split(path, "."), value); err != nil {
			return nil, err
		}
	}
	d.SetText(dicom.QueryRetrieveLevel, level)
	return d, nil
}

// setKey sets an attribute, in the items of the sequences on the way to it.
func setKey(d *dicom.Dataset, path []string, value string) error {
	tag, vr, err := tagOf(path[0])
	if err != nil {
		return err
	}
	if len(path) > 1 {
		item := d.Item(tag)
		if item == nil {
			item = dicom.NewDataset()
			d.SetItems(tag, item)
		}
		return setKey(item, path[1:], value)
	}
	numeric := map[dicom.VR]bool{dicom.US: true, dicom.SS: true, dicom.UL: true, dicom.SL: true}
	switch {
	case value == "" || vr == dicom.SQ:
		d.SetBytes(tag, "", nil)
	case numeric[vr]:
		n, err := strconv.Atoi(value)
		if err != nil {
			return radnode.Errorf(radnode.Invalid, "query", "%s takes a whole number", path[0])
		}
		d.SetInts(tag, n)
	default:
		d.SetText(tag, strings.Split(value, `\`)...)
	}
	return nil
}

// tagOf reads a keyword, gggg,eeee or (gggg,eeee).
func tagOf(text string) (dicom.Tag, dicom.VR, error) {
	name := strings.Trim(text, "()")
	if group, element, ok := strings.Cut(name, ","); ok {
		g, errGroup := strconv.ParseUint(group, 16, 16)
		e, errElement := strconv.ParseUint(element, 16, 16)
		if err := errors.Join(errGroup, errElement); err == nil {
			tag := dicom.Tag(g<<16 | e)
			entry, _ := dicom.Lookup(tag)
			return tag, dicom.VR(entry.VR), nil
		}
	}
	if tag, ok := dicom.LookupKeyword(name); ok {
		entry, _ := dicom.Lookup(tag)
		return tag, dicom.VR(entry.VR), nil
	}
	return 0, "", radnode.Errorf(radnode.Invalid, "query", "%q is neither the keyword of an attribute nor a tag such as 0010,0020", text)
}

// class picks the SOP class of the information model.
func (s Selection) class(patientRoot, studyRoot radnode.UID) radnode.UID {
	if s.PatientRoot {
		return patientRoot
	}
	return studyRoot
}

// Field is one attribute of a match.
type Field struct {
	Name   string
	Values []string
}

// fieldsOf lists what a match says; items of sequences follow their sequence
// with its name in front.
func fieldsOf(d *dicom.Dataset, prefix string) []Field {
	var list []Field
	for _, e := range d.Elements() {
		name := e.Tag.Keyword()
		if name == "" {
			name = e.Tag.String()
		}
		if e.VR != dicom.SQ {
			list = append(list, Field{prefix + name, d.Texts(e.Tag)})
			continue
		}
		for i, item := range e.Items {
			list = append(list, fieldsOf(item, fmt.Sprintf("%s%s[%d].", prefix, name, i+1))...)
		}
	}
	return list
}

// Answered is how a peer ended a query or retrieval.
type Answered struct {
	Status  string // four hexadecimal digits
	Meaning string
	Comment string
}

func answered(r dimse.Response) Answered {
	code, meaning, _ := strings.Cut(r.Status.String(), " ")
	return Answered{code, meaning, r.ErrorComment}
}

// errEnough ends a query whose caller has got what it wanted.
var errEnough = errors.New("enough matches")

// Find queries the peer; most limits the matches, 0: none.
func (t Target) Find(ctx context.Context, s Selection, most int, each func([]Field) error) (Answered, error) {
	identifier, err := s.identifier(true)
	if err != nil {
		return Answered{}, err
	}
	class := s.class(dimse.PatientRootFind, dimse.StudyRootFind)
	wanted := dimse.QueryOptions{Relational: s.Relational, DateTime: s.DateTime, FuzzyNames: s.Fuzzy}
	client, err := t.dial(ctx, dimse.QueryContexts(class, wanted))
	if err != nil {
		return Answered{}, err
	}
	defer client.Close()
	n := 0
	response, err := client.Find(ctx, class, identifier, func(d *dicom.Dataset) error {
		if err := each(fieldsOf(d, "")); err != nil {
			return err
		}
		if n++; n == most {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return answered(response), err
	}
	if errors.Is(err, errEnough) {
		return answered(response), nil
	}
	return answered(response), errors.Join(response.Err(), client.Release(ctx))
}

// Progress is how far a retrieval is.
type Progress struct {
	Remaining int `json:"remaining"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
	Warning   int `json:"warning"`
}

func progressOf(c dimse.SubOperations) Progress {
	return Progress{int(c.Remaining), int(c.Completed), int(c.Failed), int(c.Warning)}
}

// Retrieved is the outcome of a retrieval.
type Retrieved struct {
	Answered
	Progress
	FailedUIDs []radnode.UID
}

func retrieved(r dimse.Retrieval) Retrieved {
	return Retrieved{answered(r.Response), progressOf(r.SubOperations), r.FailedUIDs}
}

// Move asks the peer to send a selection to an AE title it knows.
func (t Target) Move(ctx context.Context, s Selection, destination string, progress func(Progress)) (Retrieved, error) {
	identifier, err := s.identifier(false)
	if err != nil {
		return Retrieved{}, err
	}
	if !ValidAETitle(destination) {
		return Retrieved{}, radnode.Errorf(radnode.Invalid, "C-MOVE", "%q is no AE title to send to", destination)
	}
	class := s.class(dimse.PatientRootMove, dimse.StudyRootMove)
	client, err := t.dial(ctx, dimse.QueryContexts(class, dimse.QueryOptions{Relational: s.Relational}))
	if err != nil {
		return Retrieved{}, err
	}
	defer client.Close()
	result, err := client.Move(ctx, class, destination, identifier, func(c dimse.SubOperations) { progress(progressOf(c)) })
	if err == nil {
		err = errors.Join(result.Err(), client.Release(ctx))
	}
	return retrieved(result), err
}

// GetOptions say how a C-GET takes objects.
type GetOptions struct {
	Out      string   // folder of the files
	Classes  []string // SOP classes to take; empty: the standard's storage classes, as many as fit
	Syntaxes []string // transfer syntaxes to take, the favourite first; empty: the two little endian ones
}

// Get fetches a selection into files named by SOP Instance UID.
func (t Target) Get(ctx context.Context, s Selection, o GetOptions, got func(Fetched), progress func(Progress)) (Retrieved, error) {
	identifier, err := s.identifier(false)
	if err != nil {
		return Retrieved{}, err
	}
	if err := os.MkdirAll(o.Out, 0o700); err != nil {
		return Retrieved{}, radnode.Errorf(radnode.NoResources, "C-GET", "the folder for --out cannot be made: %w", err)
	}
	classes, syntaxes, err := o.contexts()
	if err != nil {
		return Retrieved{}, err
	}
	class := s.class(dimse.PatientRootGet, dimse.StudyRootGet)
	client, err := t.dial(ctx, dimse.GetContexts(class, classes, syntaxes))
	if err != nil {
		return Retrieved{}, err
	}
	defer client.Close()
	result, err := client.Get(ctx, class, identifier, &fetcher{o.Out, got}, func(c dimse.SubOperations) { progress(progressOf(c)) })
	if err == nil {
		err = errors.Join(result.Err(), client.Release(ctx))
	}
	return retrieved(result), err
}

// storageContexts is how many storage classes fit beside the one of C-GET.
const storageContexts = 127

// contexts reads the options; without classes it takes those of today's
// standard first.
func (o GetOptions) contexts() (classes, syntaxes []radnode.UID, err error) {
	for _, c := range o.Classes {
		classes = append(classes, radnode.UID(c))
	}
	if len(o.Classes) == 0 {
		classes = usualClasses()
	}
	for _, s := range o.Syntaxes {
		syntaxes = append(syntaxes, radnode.UID(s))
	}
	if len(syntaxes) == 0 {
		syntaxes = native
	}
	for _, uid := range slices.Concat(classes, syntaxes) {
		if !uid.Valid() {
			return nil, nil, radnode.Errorf(radnode.Invalid, "C-GET", "%q is no UID", string(uid))
		}
	}
	if len(classes) > storageContexts {
		return nil, nil, radnode.Errorf(radnode.Invalid, "C-GET", "more than %d SOP classes", storageContexts)
	}
	return classes, syntaxes, nil
}

// seldom begins the UIDs of storage classes that are proposed last: 127 fit.
var seldom = []string{
	"1.2.840.10008.1.3.", "1.2.840.10008.5.1.4.38.", "1.2.840.10008.5.1.4.39.", "1.2.840.10008.5.1.4.43.", "1.2.840.10008.5.1.4.44.",
	"1.2.840.10008.5.1.4.45.", "1.2.840.10008.5.1.4.34.", "1.2.840.10008.5.1.4.1.1.77.1.5.", "1.2.840.10008.5.1.4.1.1.78.",
	"1.2.840.10008.5.1.4.1.1.79.", "1.2.840.10008.5.1.4.1.1.80.", "1.2.840.10008.5.1.4.1.1.81.", "1.2.840.10008.5.1.4.1.1.82.",
	"1.2.840.10008.5.1.4.1.1.200.", "1.2.840.10008.5.1.4.1.1.201.", "1.2.840.10008.5.1.4.1.1.501.", "1.2.840.10008.5.1.4.1.1.601.",
}

// usualClasses are the storage classes of today's standard, as many as fit.
func usualClasses() []radnode.UID {
	var first, last []radnode.UID
	for _, c := range dicom.StorageSOPClasses {
		switch {
		case c.Retired:
		case slices.ContainsFunc(seldom, func(prefix string) bool { return strings.HasPrefix(string(c.UID), prefix) }):
			last = append(last, c.UID)
		default:
			first = append(first, c.UID)
		}
	}
	all := slices.Concat(first, last)
	return all[:min(len(all), storageContexts)]
}

// Committed is what a peer said about one instance.
type Committed struct {
	File           string      `json:"file"`
	SOPInstanceUID radnode.UID `json:"sop_instance_uid"`
	Committed      bool        `json:"committed"`
	Reason         string      `json:"reason,omitempty"` // four hexadecimal digits
}

// Commit asks the peer to commit itself to the instances that files hold and
// waits for its report: on the association of the request and, where listen
// names an address, on one that the peer opens to it.
func (t Target) Commit(ctx context.Context, paths []string, listen string, wait time.Duration, each func(Committed)) error {
	files := map[radnode.UID]string{}
	var references []dimse.Reference
	if err := EachFile(ctx, paths, func(path string, err error) error {
		if err != nil {
			return err
		}
		o, err := ReadOutgoing(path)
		if err == nil && files[o.SOPInstanceUID] == "" {
			files[o.SOPInstanceUID] = path
			references = append(references, dimse.Reference{SOPClassUID: o.SOPClassUID, SOPInstanceUID: o.SOPInstanceUID})
		}
		return err
	}); err != nil {
		return err
	}
	if len(references) == 0 {
		return radnode.Errorf(radnode.NotFound, "storage commitment", "there was no file to ask about")
	}
	report, err := t.commitment(ctx, references, listen, wait)
	if err != nil {
		return err
	}
	for _, r := range report.Committed {
		each(Committed{File: files[r.SOPInstanceUID], SOPInstanceUID: r.SOPInstanceUID, Committed: true})
	}
	for _, r := range report.Failed {
		each(Committed{File: files[r.SOPInstanceUID], SOPInstanceUID: r.SOPInstanceUID, Reason: fmt.Sprintf("%04X", uint16(r.Reason))})
	}
	if n := len(report.Committed); n < len(references) {
		return radnode.Errorf(radnode.NotFound, "storage commitment", "the peer commits itself to %d of %d instances", n, len(references))
	}
	return nil
}

func (t Target) commitment(ctx context.Context, references []dimse.Reference, listen string, wait time.Duration) (*dimse.CommitReport, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	reports := &proofs{}
	transaction := radnode.NewUID()
	elsewhere, forget := reports.expect(transaction)
	defer forget()
	if listen != "" {
		stop, err := t.receiveReports(ctx, listen, reports)
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	client, err := t.dial(ctx, dimse.CommitContexts())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if err := client.RequestCommitment(ctx, transaction, references); err != nil {
		return nil, err
	}
	return awaitReport(ctx, client, transaction, elsewhere)
}

// awaitReport waits for a report on an association and elsewhere.
func awaitReport(ctx context.Context, client *dimse.Client, transaction radnode.UID, elsewhere <-chan *dimse.CommitReport) (*dimse.CommitReport, error) {
	here, cancel := context.WithCancel(ctx)
	reports := make(chan *dimse.CommitReport, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if report, err := client.AwaitReport(here, transaction); err == nil {
			reports <- report
		}
	}()
	defer func() { cancel(); <-done }()
	select {
	case report := <-reports:
		return report, nil
	case report := <-elsewhere:
		return report, nil
	case <-ctx.Done():
		return nil, radnode.Errorf(radnode.Unavailable, "storage commitment", "the peer took the request and has not reported in time")
	}
}

// receiveReports listens for the association on which a peer may report.
func (t Target) receiveReports(ctx context.Context, listen string, reports *proofs) (stop func(), err error) {
	port, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, radnode.Errorf(radnode.Unavailable, "storage commitment", "listen: %w", err)
	}
	server, err := dimse.NewServer(dimse.ServerConfig{AETitle: t.CallingAE, Reports: reports})
	if err != nil {
		return nil, errors.Join(err, port.Close())
	}
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(ctx, port) }()
	return func() {
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(soon) // the report is here or not; the peer may hang on
		<-serving
	}, nil
}

// Fetched is one object that came by C-GET.
type Fetched struct {
	File           string      `json:"file"`
	SOPInstanceUID radnode.UID `json:"sop_instance_uid"`
	Bytes          int64       `json:"bytes"`
}

// fetcher writes objects to files.
type fetcher struct {
	dir string
	got func(Fetched)
}

func (f *fetcher) path(uid radnode.UID) string { return filepath.Join(f.dir, string(uid)+".dcm") }
