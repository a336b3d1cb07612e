package api

import (
	"cmp"
	"context"
	"encoding/json"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// maxManifest bounds the images of one series in a manifest.
const maxManifest = 20_000

// GetManifest describes a series for the viewer. The study's UID comes as a
// query parameter, because series are found through their study. With
// ?instance=UID it describes that instance alone: the first image of a long
// series need not wait for the headers of all.
func (a *API) GetManifest(c echo.Context) error {
	uid, err := uidParam(c, "uid")
	if err != nil {
		return err
	}
	study := radnode.UID(c.QueryParam("study"))
	if !study.Usable() {
		return radnode.Errorf(radnode.Invalid, "read request", "name the study: ?study=UID")
	}
	s, err := a.Studies.Outline(c.Request().Context(), study)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(s.Series, func(s radnode.Series) bool { return s.SeriesInstanceUID == uid })
	if at < 0 {
		return radnode.Errorf(radnode.NotFound, "series manifest", "the study has no such series")
	}
	if len(s.Series[at].Instances) > maxManifest {
		return radnode.Errorf(radnode.TooLarge, "series manifest", "the series has more than %d instances", maxManifest)
	}
	series := s.Series[at]
	if only := radnode.UID(c.QueryParam("instance")); only != "" {
		i := slices.IndexFunc(series.Instances, func(inst radnode.Instance) bool { return inst.SOPInstanceUID == only })
		if i < 0 {
			return radnode.Errorf(radnode.NotFound, "series manifest", "the series has no such instance")
		}
		series.Instances = series.Instances[i : i+1]
	}
	return a.sendManifest(c, study, &series)
}

// GetFirst describes the image that is shown when a study is opened, so that a
// viewer can fetch it beside the study itself: the image of the report's first
// finding, else the middle one of the first series with images.
func (a *API) GetFirst(c echo.Context) error {
	uid, err := uidParam(c, "uid")
	if err != nil {
		return err
	}
	s, err := a.Studies.Outline(c.Request().Context(), uid)
	if err != nil {
		return err
	}
	first := firstOf(s)
	if first == nil {
		return radnode.Errorf(radnode.NotFound, "first image", "the study has no images")
	}
	return a.sendManifest(c, uid, first)
}

// firstOf is the series that is shown first, with the one instance of it.
func firstOf(s *radnode.Study) *radnode.Series {
	var found radnode.UID
	if len(s.Reports) > 0 {
		all := s.Reports[0].Findings
		if i := slices.IndexFunc(all, func(f radnode.ReportFinding) bool { return f.Finding.Present && f.Finding.Code != nil }); i >= 0 {
			found = all[i].SOPInstanceUID
		}
	}
	var first *radnode.Series
	for _, of := range s.Series {
		of.Instances = slices.DeleteFunc(slices.Clone(of.Instances), func(inst radnode.Instance) bool { return inst.Frames == 0 })
		at := slices.IndexFunc(of.Instances, func(inst radnode.Instance) bool { return inst.SOPInstanceUID == found })
		if at >= 0 {
			of.Instances = of.Instances[at : at+1]
			return &of
		}
		if n := len(of.Instances); first == nil && n > 0 && of.Modality != "SEG" {
			of.Instances = of.Instances[(n-1)/2 : (n-1)/2+1]
			first = &of
		}
	}
	return first
}

func (a *API) sendManifest(c echo.Context, study radnode.UID, s *radnode.Series) error {
	m, err := a.manifest(c.Request().Context(), study, s)
	if err != nil {
		return err
	}
	return sendJSON(c, m)
}

// slice is one image on its way into the manifest.
type slice struct {
	inst  radnode.Instance
	desc  *ImageDescription
	along float64 // position along the slices' normal
}

func (a *API) manifest(ctx context.Context, study radnode.UID, s *radnode.Series) (*Manifest, error) {
	m := &Manifest{
		SeriesInstanceUID: s.SeriesInstanceUID, StudyInstanceUID: study, Modality: s.Modality, Description: s.Description,
		Images: []ImageDescription{}, Other: []OtherInstance{},
	}
	var list []slice
	for _, inst := range s.Instances {
		if inst.Frames == 0 {
			m.Other = append(m.Other, OtherInstance{inst.SOPInstanceUID, inst.SOPClassUID})
			continue
		}
		list = append(list, slice{inst: inst})
	}
	if err := a.describeAll(ctx, list); err != nil {
		return nil, err
	}
	order(list)
	return m, m.fill(list)
}

// describeAll reads the headers of a series, as many at once as there are processors.
func (a *API) describeAll(ctx context.Context, list []slice) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(list)) {
		readers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(list) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				d, err := a.describe(ctx, list[i].inst)
				if err != nil {
					cancel(err)
				}
				list[i].desc = d
			}
		})
	}
	readers.Wait()
	return context.Cause(ctx)
}

// describe asks for the description of an instance once: instances never change.
func (a *API) describe(ctx context.Context, inst radnode.Instance) (*ImageDescription, error) {
	if d, ok := a.descriptions.get(inst.Digest); ok {
		return d, nil
	}
	path, full, err := a.Files.InstancePath(ctx, inst.SOPInstanceUID)
	if err != nil {
		return nil, err
	}
	d, err := a.look(ctx, path, full)
	switch code := radnode.CodeOf(err); {
	case err == nil:
	case code == radnode.Unsupported, code == radnode.Invalid, code == radnode.TooLarge:
		// One unreadable image must not hide the others of its series.
		d = &ImageDescription{Rows: inst.Rows, Columns: inst.Columns, Frames: inst.Frames, Unviewable: radnode.MessageOf(err)}
	default:
		return nil, err
	}
	a.descriptions.put(inst.Digest, d)
	return d, nil
}

// look reads the header of a file, up to its pixel data only.
func (a *API) look(ctx context.Context, path string, inst radnode.Instance) (*ImageDescription, error) {
	f, err := dicom.ReadFile(path, dicom.DefaultLimits)
	if err != nil {
		return nil, err
	}
	d, err := a.Pixels.Describe(ctx, f, inst)
	if err != nil {
		return nil, err
	}
	d.complete(inst)
	d.locate(f)
	return d, nil
}

// order sorts slices of one stack by their position along the normal, all
// others by instance number.
func order(slices_ []slice) {
	byPosition := len(slices_) > 1
	for i := range slices_ {
		d := slices_[i].desc
		if d.Position == nil || d.Directions == nil || *d.Directions != *firstDirections(slices_, d.Directions) {
			byPosition = false
			break
		}
		// PS3.3 C.7.6.2.1.1: the normal is the cross product of row and column direction.
		r, p := d.Directions, d.Position
		slices_[i].along = (r[1]*r[5]-r[2]*r[4])*p[0] + (r[2]*r[3]-r[0]*r[5])*p[1] + (r[0]*r[4]-r[1]*r[3])*p[2]
	}
	slices.SortStableFunc(slices_, func(x, y slice) int {
		if byPosition && x.along != y.along {
			return cmp.Compare(x.along, y.along)
		}
		return cmp.Compare(x.inst.InstanceNumber, y.inst.InstanceNumber)
	})
}

func firstDirections(s []slice, fallback *[6]float64) *[6]float64 {
	if s[0].desc.Directions == nil {
		return fallback
	}
	return s[0].desc.Directions
}

// fill writes the columns; equal descriptions are kept once.
func (m *Manifest) fill(list []slice) error {
	c := &m.Instances
	c.UIDs, c.Numbers, c.Image, c.Windows, c.Bytes = []radnode.UID{}, []int{}, []int{}, [][]Window{}, []int64{}
	seen := map[string]int{}
	for _, s := range list {
		shared := *s.desc
		shared.Windows, shared.Position, shared.AcquisitionTime = nil, nil, ""
		key, err := json.Marshal(shared)
		if err != nil {
			return err
		}
		at, known := seen[string(key)]
		if !known {
			at = len(m.Images)
			seen[string(key)] = at
			m.Images = append(m.Images, shared)
		}
		windows := s.desc.Windows
		if windows == nil {
			windows = []Window{}
		}
		c.UIDs, c.Numbers = append(c.UIDs, s.inst.SOPInstanceUID), append(c.Numbers, s.inst.InstanceNumber)
		c.Image, c.Windows = append(c.Image, at), append(c.Windows, windows)
		c.Bytes = append(c.Bytes, s.desc.frameBytes())
		if s.desc.Position != nil {
			c.Positions = append(c.Positions, *s.desc.Position)
		}
	}
	if len(c.Positions) != len(c.UIDs) {
		c.Positions = nil
	}
	return nil
}

func (d *ImageDescription) frameBytes() int64 {
	return int64(d.Rows) * int64(d.Columns) * int64(max(d.SamplesPerPixel, 1)) * int64((d.BitsAllocated+7)/8)
}

// descriptionCache keeps descriptions by instance digest. When it is full it
// starts anew: descriptions are cheap and a restart costs one look each.
type descriptionCache struct {
	limit int
	mu    sync.Mutex
	byKey map[string]*ImageDescription
}

func (d *descriptionCache) get(key string) (*ImageDescription, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.byKey[key]
	return v, ok && key != ""
}

func (d *descriptionCache) put(key string, v *ImageDescription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byKey == nil || len(d.byKey) >= d.limit {
		d.byKey = map[string]*ImageDescription{}
	}
	d.byKey[key] = v
}
