package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

// verdict gathers what is known of one study.
type verdict struct {
	radnode.Completeness
	whole   string // the first that says so
	missing string // the first that says that images are missing
	running bool   // a performed procedure step is in progress
}

func (v *verdict) says(whole bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	v.Evidence = append(v.Evidence, text)
	if whole && v.whole == "" {
		v.whole = text
	}
}

func (v *verdict) lacks(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	v.Evidence = append(v.Evidence, text)
	if v.missing == "" {
		v.missing = text
	}
}

// Quiet implements workflow.Completeness.
func (e *evidence) Quiet(source string) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	longest := 0
	for _, p := range e.sendersOf(ctx, []string{source}) {
		longest = max(longest, p.QuietSeconds)
	}
	return time.Duration(longest) * time.Second
}

// sendersOf lists the peers that sources of images are.
func (e *evidence) sendersOf(ctx context.Context, sources []string) []radnode.Peer {
	peers, err := e.rules(ctx)
	if err != nil {
		e.log.Warn("the rules of devices cannot be read: the usual ones hold", "error", err)
	}
	return slices.DeleteFunc(slices.Clone(peers), func(p radnode.Peer) bool { return !slices.Contains(sources, p.AETitle) })
}

// Judge implements workflow.Completeness: what says that images are missing
// counts more than what says that the study is whole.
func (e *evidence) Judge(ctx context.Context, study radnode.UID, last time.Time) (radnode.Completeness, error) {
	v := &verdict{Completeness: radnode.Completeness{State: radnode.ImagesArriving, Reason: "images are coming in", Evidence: []string{}}}
	var err error
	if v.Here, err = e.store.Arrived(ctx, study); err != nil {
		return v.Completeness, err
	}
	sources, err := e.store.Sources(ctx, study)
	if err != nil {
		return v.Completeness, err
	}
	devices := e.sendersOf(ctx, sources)
	if err := e.judgeSteps(ctx, v, study, devices); err != nil {
		return v.Completeness, err
	}
	e.judgeCounts(v, study, devices)
	e.judgeRelease(v, study, last, devices)
	switch {
	case v.missing != "":
		v.State, v.Reason = radnode.ImagesMissing, v.missing
	case v.whole != "":
		v.State, v.Reason = radnode.ImagesWhole, v.whole
	}
	return v.Completeness, nil
}

// judgeSteps weighs the performed procedure steps of a study.
func (e *evidence) judgeSteps(ctx context.Context, v *verdict, study radnode.UID, devices []radnode.Peer) error {
	demanded := slices.ContainsFunc(devices, func(p radnode.Peer) bool { return p.WaitForMPPS })
	steps, err := e.store.Steps(ctx, study)
	if err != nil {
		return err
	}
	var made []radnode.UID
	completed := false
	for _, p := range steps {
		v.running = v.running || p.Status == dimse.StepInProgress
		if p.Status == dimse.StepCompleted {
			completed = true
			made = append(made, p.Instances...)
		}
	}
	slices.Sort(made)
	made = slices.Compact(made)
	_, here, err := e.store.StudiesOf(ctx, made)
	say := func(format string, args ...any) { v.says(false, format, args...) }
	if demanded {
		say = v.lacks
	}
	switch {
	case err != nil:
		return err
	case v.running:
		say("a performed procedure step of the modality is still in progress")
	case here < len(made):
		say("%d of the %d instances that the modality reported are here", here, len(made))
	case len(made) > 0:
		v.says(true, "the modality reported its step completed and all %d instances are here", len(made))
	case demanded && !completed:
		v.lacks("no performed procedure step has been reported as completed")
	}
	v.Expected = max(v.Expected, len(made))
	return nil
}

// judgeRelease weighs the end of the association that brought a study.
func (e *evidence) judgeRelease(v *verdict, study radnode.UID, last time.Time, devices []radnode.Peer) {
	e.mu.Lock()
	at, released := e.released[study]
	e.mu.Unlock()
	ignored := slices.ContainsFunc(devices, func(p radnode.Peer) bool { return p.IgnoreRelease })
	if released && !last.After(at) && !ignored && !v.running {
		v.says(true, "the sender released its association")
	}
}

// question is how many instances a peer has of a study.
type question struct {
	peer  string
	study radnode.UID
}

// counted is a peer's answer.
type counted struct {
	n      int
	err    error
	at     time.Time // zero: it is being asked
	waited bool      // a question is under way
}

const (
	// countFresh is how long an answer holds; a sender may get more images.
	countFresh = 10 * time.Second
	// countRetry is how long a peer that did not answer is left alone.
	countRetry = time.Minute
	// countTime limits one question.
	countTime = 20 * time.Second
	// askersAtOnce is how many senders are asked at a time.
	askersAtOnce = 2
	// rememberedCounts bounds the answers that are remembered.
	rememberedCounts = 4096
)

// judgeCounts weighs how many instances the senders of a study have, where
// they are to be asked.
func (e *evidence) judgeCounts(v *verdict, study radnode.UID, devices []radnode.Peer) {
	for _, p := range devices {
		if !p.ExpectCount {
			continue
		}
		c := e.answer(question{p.Name, study})
		switch {
		case c.at.IsZero():
			v.lacks("%s is being asked how many instances it has", p.Name)
		case c.err != nil:
			v.says(false, "%s did not say how many instances it has", p.Name)
		case c.n > v.Here:
			v.lacks("%d of the %d instances that %s has are here", v.Here, c.n, p.Name)
		case c.n > 0:
			v.says(true, "all %d instances that %s has are here", c.n, p.Name)
		}
		v.Expected = max(v.Expected, c.n)
	}
}

// answer is what a peer said; if that is long ago it is asked again.
func (e *evidence) answer(q question) counted {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.counts[q]
	fresh := countFresh
	if c.err != nil {
		fresh = countRetry
	}
	if c.waited || !c.at.IsZero() && time.Since(c.at) < fresh {
		return c
	}
	select {
	case e.asks <- q:
		c.waited = true
	default:
		return counted{err: errEnough, at: time.Now()} // too many questions wait: other evidence decides
	}
	if len(e.counts) >= rememberedCounts {
		clear(e.counts)
	}
	e.counts[q] = c
	return c
}

// askAll asks what is to be asked until ctx ends, and has each study weighed
// again.
func (e *evidence) askAll(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case q := <-e.asks:
			n, err := e.ask(ctx, q)
			if err != nil && ctx.Err() == nil {
				e.log.Warn("a sender did not say how many instances a study has", "peer", q.peer, "study", q.study, "error", err)
			}
			e.mu.Lock()
			e.counts[q] = counted{n: n, err: err, at: time.Now()}
			e.mu.Unlock()
			if err := e.hasten(ctx, q.study); err != nil && ctx.Err() == nil {
				e.log.Warn("a study waits for its quiet time: it could not be weighed", "study", q.study, "error", err)
			}
		}
	}
}

func (e *evidence) ask(ctx context.Context, q question) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	peers, err := e.rules(ctx)
	if err != nil {
		return 0, err
	}
	at := slices.IndexFunc(peers, func(p radnode.Peer) bool { return p.Name == q.peer })
	if at < 0 {
		return 0, radnode.Errorf(radnode.NotFound, "count instances", "the peer is no longer configured")
	}
	return e.count(ctx, peers[at], q.study)
}

// countAt asks a peer how many instances it has of a study: by Number of Study
// Related Instances (PS3.4 Table C.6-5, optional), or else by listing them.
func (c calling) countAt(ctx context.Context, peer radnode.Peer, study radnode.UID) (int, error) {
	client, err := c.to(peer).dial(ctx, dimse.QueryContexts(dimse.StudyRootFind, dimse.QueryOptions{}))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	find := func(level string, fill func(*dicom.Dataset), each func(*dicom.Dataset)) error {
		keys := dicom.NewDataset()
		keys.SetText(dicom.QueryRetrieveLevel, level)
		keys.SetUID(dicom.StudyInstanceUID, study)
		fill(keys)
		response, err := client.Find(ctx, dimse.StudyRootFind, keys, func(d *dicom.Dataset) error { each(d); return nil })
		if err == nil {
			err = response.Err()
		}
		return err
	}
	total, known := 0, false
	if err := find("STUDY", func(k *dicom.Dataset) { k.SetBytes(dicom.NumberOfStudyRelatedInstances, "", nil) }, func(d *dicom.Dataset) {
		if n, ok := d.Int(dicom.NumberOfStudyRelatedInstances); ok && d.UID(dicom.StudyInstanceUID) == study {
			total, known = max(total, n), true
		}
	}); err != nil || known {
		return total, err
	}
	var series []radnode.UID
	if err := find("SERIES", func(k *dicom.Dataset) { k.SetBytes(dicom.SeriesInstanceUID, "", nil) }, func(d *dicom.Dataset) {
		series = append(series, d.UID(dicom.SeriesInstanceUID))
	}); err != nil {
		return 0, err
	}
	for _, uid := range series {
		if err := find("IMAGE", func(k *dicom.Dataset) {
			k.SetUID(dicom.SeriesInstanceUID, uid)
			k.SetBytes(dicom.SOPInstanceUID, "", nil)
		}, func(*dicom.Dataset) { total++ }); err != nil {
			return 0, err
		}
	}
	if total == 0 {
		return 0, radnode.Errorf(radnode.NotFound, "count instances", "the peer does not know the study")
	}
	return total, nil
}
