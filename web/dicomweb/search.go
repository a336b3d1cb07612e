package dicomweb

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
)

// Limits of one search.
const (
	mostResults   = 10_000
	mostOffset    = 10_000_000
	mostFields    = 500
	mostHeaders   = 2000 // matches whose headers are read for one answer
	countFurther  = 1000 // matches beyond the page that are counted
	opSearch      = "search"
	maxQueryBytes = 64 << 10
)

// search is a QIDO-RS request (PS3.18 8.3.4).
type search struct {
	level     int // index of levels
	keys      *dicom.Dataset
	named     map[string]bool // attributes that were given a value to match
	fields    []dicom.Tag     // of includefield, not among those always returned
	all       bool
	limit     int
	offset    int
	fuzzy     bool
	warnings  []string
	attribute map[dicom.Tag]bool // what may be returned; nil: everything
}

// SearchStudies answers /studies.
func (s *Service) SearchStudies(c echo.Context) error { return s.search(c, studyLevel) }

// SearchSeries answers /series and /studies/{study}/series.
func (s *Service) SearchSeries(c echo.Context) error { return s.search(c, seriesLevel) }

// SearchInstances answers /instances and those of a study or series.
func (s *Service) SearchInstances(c echo.Context) error { return s.search(c, instanceLevel) }

func (s *Service) search(c echo.Context, level int) error {
	list, err := accepted(c)
	if err != nil {
		return err
	}
	_, form, ok := choose(list, []offer{{kind: typeJSON}, {kind: "application/json"}, {multipart: true, kind: typeXML}})
	if !ok {
		return unacceptable("a search is answered as application/dicom+json or multipart/related; type=\"application/dicom+xml\"")
	}
	p, err := placeOf(c)
	if err != nil {
		return err
	}
	q, err := parseSearch(c.Request().URL.RawQuery, level, p)
	if err != nil {
		return err
	}
	return s.answer(c, q, p, newResults(c, form))
}

// answer collects a page of matches.
func (s *Service) answer(c echo.Context, q *search, within place, out *results) error {
	at := base(c)
	page := Page{Fuzzy: q.fuzzy, Offset: q.offset, Limit: q.limit, Count: countFurther}
	further, unsupported, err := s.Index.Find(c.Request().Context(), q.keys, page, func(m *dicom.Dataset) error {
		full, err := s.complete(c, q, within, m)
		if err != nil {
			return err
		}
		full.SetText(dicom.RetrieveURL, at+q.placeOf(full, within).path())
		return out.add(full)
	})
	if err != nil {
		return err
	}
	for _, t := range unsupported {
		q.warnings = append(q.warnings, "The attribute "+t.String()+" is not matched at this level.")
	}
	if further > 0 {
		count := strconv.Itoa(further)
		if further >= countFurther {
			count = "at least " + count
		}
		q.warnings = append(q.warnings, "There are "+count+" additional results that can be requested")
	}
	for _, w := range q.warnings {
		warn(c, w)
	}
	return out.end()
}

// placeOf is the resource that a match is.
func (q *search) placeOf(m *dicom.Dataset, within place) place {
	p := within
	for i, at := range []*radnode.UID{&p.study, &p.series, &p.instance}[:q.level+1] {
		if uid := m.UID(uniqueKeys[i]); uid != "" {
			*at = uid
		}
	}
	return p
}

// complete adds what the index does not hold, from the header of an instance
// of the entity, and takes out what belongs to C-FIND alone.
func (s *Service) complete(c echo.Context, q *search, within place, m *dicom.Dataset) (*dicom.Dataset, error) {
	m.Remove(dicom.QueryRetrieveLevel)
	m.Remove(dicom.RetrieveAETitle)
	if !q.all && len(q.fields) == 0 {
		return m, nil
	}
	p := q.placeOf(m, within)
	list, err := s.Index.Objects(c.Request().Context(), p.study, p.series, p.instance)
	if err != nil || len(list) == 0 {
		return m, err
	}
	file, err := dicom.ReadFile(list[0].Path, dicom.Limits{ValueBytes: inlineBytes})
	if err != nil {
		return nil, err
	}
	full := m.Clone()
	if q.all {
		for _, e := range file.Dataset.Elements() {
			if e.Tag < dicom.ExtendedOffsetTable && e.Skipped == 0 && (q.attribute == nil || q.attribute[e.Tag]) && !full.Has(e.Tag) {
				full.Copy(file.Dataset, e.Tag)
			}
		}
	}
	for _, t := range q.fields {
		if full.Copy(file.Dataset, t); !full.Has(t) && !conditional[t] {
			full.SetBytes(t, "", nil)
		}
	}
	full.Remove(dicom.SpecificCharacterSet)
	return full, nil
}

// parseSearch reads the query of a search.
func parseSearch(raw string, level int, within place) (*search, error) {
	q, err := parseKeys(raw, level)
	if err != nil {
		return nil, err
	}
	q.keys.SetText(dicom.QueryRetrieveLevel, levels[level])
	for i, uid := range []radnode.UID{within.study, within.series} {
		if uid == "" {
			continue
		}
		if given := q.keys.UIDs(uniqueKeys[i]); len(given) > 0 && given[0] != "" && !slices.Contains(given, uid) {
			return nil, radnode.Errorf(radnode.Invalid, opSearch, "address and query name different values of %s", uniqueKeys[i].Keyword())
		}
		q.keys.SetUID(uniqueKeys[i], uid)
	}
	q.returned(within)
	if q.all || len(q.fields) > 0 {
		q.limit = min(q.limit, mostHeaders) // each match costs a header
	}
	return q, nil
}

// parseKeys reads the parameters and the attributes of a query.
func parseKeys(raw string, level int) (*search, error) {
	q := &search{level: level, keys: dicom.NewDataset(), limit: mostResults, named: map[string]bool{}, attribute: attributesOf(level)}
	if len(raw) > maxQueryBytes {
		return nil, radnode.Errorf(radnode.TooLarge, opSearch, "the query is longer than %d bytes", maxQueryBytes)
	}
	values, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, opSearch, "the query is not well formed: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := q.parameter(name, values[name]); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// parameters are the query parameters that are not attributes.
var parameters = map[string]func(q *search, v string) error{
	"limit":  func(q *search, v string) error { return whole(v, &q.limit, mostResults, true) },
	"offset": func(q *search, v string) error { return whole(v, &q.offset, mostOffset, false) },
	"fuzzymatching": func(q *search, v string) error {
		return flag(v, &q.fuzzy)
	},
	"emptyvaluematching": func(q *search, v string) error {
		return q.unsupported(v, "The emptyvaluematching parameter is not supported. Only universal matching has been performed.")
	},
	"multiplevaluematching": func(q *search, v string) error {
		return q.unsupported(v, "The multiplevaluematching parameter is not supported. Only single value matching has been performed.")
	},
	"accept":  func(*search, string) error { return nil },
	"charset": func(*search, string) error { return nil },
}

func (q *search) parameter(name string, values []string) error {
	if name == "includefield" {
		return q.include(values)
	}
	if len(values) > 1 {
		return radnode.Errorf(radnode.Invalid, opSearch, "a parameter was given twice (PS3.18 8.3.4.1)")
	}
	if set, ok := parameters[name]; ok {
		return set(q, values[0])
	}
	return q.match(name, values[0])
}

func whole(v string, into *int, most int, capped bool) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > most && !capped {
		return radnode.Errorf(radnode.Invalid, opSearch, "limit and offset are whole numbers from 0")
	}
	*into = min(n, most)
	return nil
}

func flag(v string, into *bool) error {
	if v != "true" && v != "false" {
		return radnode.Errorf(radnode.Invalid, opSearch, "the parameter is true or false")
	}
	*into = v == "true"
	return nil
}

func (q *search) unsupported(v, warning string) error {
	var wanted bool
	if err := flag(v, &wanted); err != nil {
		return err
	}
	if wanted {
		q.warnings = append(q.warnings, warning)
	}
	return nil
}

// tagOfName reads a keyword or eight hexadecimal digits.
func tagOfName(name string) (dicom.Tag, bool) {
	if len(name) == 8 {
		if n, err := strconv.ParseUint(name, 16, 32); err == nil {
			return dicom.Tag(n), true
		}
	}
	return dicom.LookupKeyword(name)
}

// match takes one attribute with the value to match in; dots lead into
// sequences.
func (q *search) match(name, value string) error {
	at := q.keys
	path := strings.Split(name, ".")
	canonical := ""
	for i, step := range path {
		t, ok := tagOfName(step)
		if !ok || t.Group() <= 2 || t.Group() == 0xFFFE || len(path) > dicom.DefaultLimits.Depth {
			return radnode.Errorf(radnode.Invalid, opSearch, "%.64q is neither a parameter nor an attribute", name)
		}
		canonical += t.String()
		if i == len(path)-1 {
			if q.named[canonical] {
				return radnode.Errorf(radnode.Invalid, opSearch, "the attribute %s was given twice (PS3.18 8.3.4.1)", t)
			}
			q.named[canonical] = true
			at.SetText(t, valuesOf(t, value)...)
			return nil
		}
		if entry, known := dicom.Lookup(t); known && entry.VR != string(dicom.SQ) {
			return radnode.Errorf(radnode.Invalid, opSearch, "the attribute %s is no sequence", t)
		}
		if at.Item(t) == nil {
			at.SetItems(t, dicom.NewDataset())
		}
		at = at.Item(t)
	}
	return nil
}

// valuesOf splits a list of UIDs; other attributes have one value (PS3.18
// 8.3.4.1).
func valuesOf(t dicom.Tag, value string) []string {
	if entry, ok := dicom.Lookup(t); ok && entry.VR == string(dicom.UI) {
		return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '\\' })
	}
	return []string{value}
}

func (q *search) include(values []string) error {
	var names []string
	for _, v := range values {
		names = append(names, strings.Split(v, ",")...)
	}
	if len(names) > mostFields {
		return radnode.Errorf(radnode.TooLarge, opSearch, "includefield names more than %d attributes", mostFields)
	}
	for _, name := range names {
		if name == "all" {
			q.all = true
			continue
		}
		step, _, _ := strings.Cut(name, ".")
		t, ok := tagOfName(step)
		if !ok || t.Group() <= 2 {
			return radnode.Errorf(radnode.Invalid, opSearch, "includefield: %.64q is no attribute", name)
		}
		if q.attribute == nil || q.attribute[t] {
			q.fields = append(q.fields, t)
		}
	}
	return nil
}

// returned adds what every match shows (Tables 10.6.3-3 to 10.6.3-5): those
// attributes that the index holds as keys without value, the others as fields.
func (q *search) returned(within place) {
	first := q.level
	if within.study == "" {
		first = studyLevel
	} else if within.series == "" {
		first = min(q.level, seriesLevel)
	}
	var fields []dicom.Tag
	for level := first; level <= q.level; level++ {
		fields = append(fields, always[level]...)
	}
	fields = append(fields, uniqueKeys[:q.level+1]...)
	fields = append(fields, q.fields...)
	asked := map[dicom.Tag]bool{}
	for _, t := range q.fields {
		asked[t] = true
	}
	q.fields = nil
	for _, t := range fields {
		switch {
		case q.keys.Has(t) && !conditional[t], t.Private() && t.Element() < 0x10:
		case conditional[t] && q.level == instanceLevel && !asked[t]: // it would cost a header for each
		case indexed[t]:
			q.keys.SetBytes(t, "", nil)
		case !slices.Contains(q.fields, t):
			q.fields = append(q.fields, t)
		}
	}
}

// results writes matches in the form that was chosen.
type results struct {
	c    echo.Context
	form offer
	text []byte
	xml  []*dicom.Dataset
	n    int
}

func newResults(c echo.Context, form offer) *results { return &results{c: c, form: form} }

func (r *results) add(d *dicom.Dataset) error {
	r.n++
	if r.form.multipart {
		r.xml = append(r.xml, d.Clone())
		return nil
	}
	sep := byte(',')
	if r.n == 1 {
		sep = '['
	}
	r.text = dicomjson.Append(append(r.text, sep), d, dicomjson.Options{})
	return nil
}

// end sends the page; an empty one is 204 (PS3.18 10.6.3).
func (r *results) end() error {
	if r.n == 0 {
		return r.c.NoContent(http.StatusNoContent)
	}
	if r.form.multipart {
		return writeXML(r.c, r.xml, dicomjson.Options{})
	}
	return r.c.Blob(http.StatusOK, r.form.kind, append(r.text, ']'))
}
