package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// QueryOptions say what query or retrieval an identifier is for.
type QueryOptions struct {
	PatientRoot bool // else Study Root, which has no patient level
	Relational  bool // keys above the level need not be given
	DateTime    bool // date and time keys together are one range
	FuzzyNames  bool
	Timezone    bool // query in and answer with the requestor's time zone
	RetrieveAE  string
}

// Query is an identifier of C-FIND made ready for the index.
type Query struct {
	options     QueryOptions
	level       QueryLevel
	columns     []*Attribute // that are read, in order
	returned    []int        // columns that are answered
	where       []term
	filters     []filterRow
	narrow      bool // an index serves the selection
	header      []headerKey
	unsupported []dicom.Tag
	zone        *time.Location // of the requestor; nil: ours
	paired      bool           // Study Date and Study Time are compared together
}

// term is a part of the WHERE clause with "?" for its arguments.
type term struct {
	text string
	args []any
}

// filterRow decides about a row after SQL has.
type filterRow func(row rowValues) bool

// headerKey is a key that is looked up in the header of an instance.
type headerKey struct {
	tag   dicom.Tag
	match func(*dicom.Dataset) bool // nil: universal
	items *dicom.Dataset            // keys of the items wanted back; nil: all
}

// NewQuery reads the identifier of a C-FIND (PS3.4 C.4.1.2). Invalid errors
// say what is wrong with it.
func NewQuery(identifier *dicom.Dataset, o QueryOptions) (*Query, error) {
	q := &Query{options: o}
	var err error
	if q.level, err = levelOf(identifier, o); err != nil {
		return nil, err
	}
	if !o.Relational {
		if err := q.demandUniqueKeysAbove(identifier); err != nil {
			return nil, err
		}
	}
	if text := identifier.Text(dicom.TimezoneOffsetFromUTC); o.Timezone && text != "" {
		if q.zone, err = parseZone(text); err != nil {
			return nil, err
		}
	}
	if err := q.pairDateTime(identifier); err != nil {
		return nil, err
	}
	for _, e := range identifier.Elements() {
		if err := q.key(identifier, e); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// levelOf reads the level of an identifier.
func levelOf(identifier *dicom.Dataset, o QueryOptions) (QueryLevel, error) {
	text := identifier.Text(dicom.QueryRetrieveLevel)
	level := slices.Index(levelNames[:], text)
	if level < 0 || level == int(PatientLevel) && !o.PatientRoot {
		return 0, radnode.Errorf(radnode.Invalid, "query", "%.16q is no level of this information model", text)
	}
	return QueryLevel(level), nil
}

// uniqueKeys are the unique keys from the top.
var uniqueKeys = [...]dicom.Tag{dicom.PatientID, dicom.StudyInstanceUID, dicom.SeriesInstanceUID, dicom.SOPInstanceUID}

// demandUniqueKeysAbove checks that every unique key above the level has one
// value (PS3.4 C.4.1.2.2.1).
func (q *Query) demandUniqueKeysAbove(identifier *dicom.Dataset) error {
	for level, tag := range uniqueKeys[:q.level] {
		if level == int(PatientLevel) && !q.options.PatientRoot {
			continue
		}
		values := identifier.Texts(tag)
		if len(values) != 1 || values[0] == "" || level == int(PatientLevel) && hasWildcard(values[0]) {
			return radnode.Errorf(radnode.Invalid, "query", "level %s needs one value of %s", q.level, tag.Keyword())
		}
	}
	return nil
}

// passed are elements that are no keys.
var passed = map[dicom.Tag]bool{
	dicom.SpecificCharacterSet: true, dicom.QueryRetrieveLevel: true, dicom.TimezoneOffsetFromUTC: true,
	dicom.RetrieveAETitle: true, dicom.InstanceAvailability: true,
}

// key takes one element of the identifier in.
func (q *Query) key(identifier *dicom.Dataset, e *dicom.Element) error {
	if passed[e.Tag] || e.Tag.Element() == 0 {
		return nil
	}
	a := attributeOf(e.Tag, q.level)
	if a == nil {
		q.unsupported = append(q.unsupported, e.Tag)
		return nil
	}
	if a.column == "" {
		return q.headerKey(identifier, e, a)
	}
	at := q.column(a)
	q.returned = append(q.returned, at)
	if q.paired && (e.Tag == dicom.StudyDate || e.Tag == dicom.StudyTime) {
		return nil // pairDateTime has seen to it
	}
	return q.condition(a, at, identifier.Texts(e.Tag))
}

// column is where an attribute stands among those read.
func (q *Query) column(a *Attribute) int {
	if i := slices.Index(q.columns, a); i >= 0 {
		return i
	}
	q.columns = append(q.columns, a)
	return len(q.columns) - 1
}

// condition turns a key into SQL and, where SQL alone finds too much, into a
// filter.
func (q *Query) condition(a *Attribute, at int, values []string) error {
	m, err := compile(a.Matching, values, q.options.FuzzyNames)
	if err != nil || m == nil {
		return err
	}
	exact := false
	switch a.Matching {
	case MatchUID, MatchText:
		exact = q.whereText(a, values)
	case MatchName:
		q.whereName(a, values)
	case MatchDate:
		exact = q.whereDate(a, values)
	case MatchNumber:
		exact = q.whereNumber(a, values)
	}
	if exact {
		return nil
	}
	if a.blanks {
		one := m
		m = func(value string) bool { return slices.ContainsFunc(strings.Fields(value), one) }
	}
	q.filters = append(q.filters, func(row rowValues) bool { return m(row.text(at)) })
	return nil
}

func (q *Query) add(text string, args ...any) { q.where = append(q.where, term{text, args}) }

// indexed are the columns that an index serves.
var indexed = map[string]bool{
	"s.study_uid": true, "s.patient_id": true, "s.patient_name": true, "s.study_date": true, "s.accession_number": true,
	"r.series_uid": true, "i.sop_uid": true,
}

// whereText compares in byte order. It reports whether the comparison is
// exact.
func (q *Query) whereText(a *Attribute, values []string) bool {
	if a.blanks {
		return false
	}
	if a.Matching == MatchUID || !slices.ContainsFunc(values, hasWildcard) {
		q.narrow = q.narrow || indexed[a.column]
		q.addList(a.column, values)
		return true
	}
	if prefix := asciiPrefix(values[0]); len(values) == 1 && prefix != "" {
		q.narrow = q.narrow || indexed[a.column]
		q.add(a.column+" >= ? AND "+a.column+" < ?", prefix, after(prefix))
	}
	return false
}

func (q *Query) addList(column string, values []string) {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	if len(args) == 1 {
		q.add(column+" = ?", args...)
		return
	}
	q.add(column+" IN (?"+strings.Repeat(", ?", len(args)-1)+")", args...)
}

func (q *Query) whereName(a *Attribute, values []string) {
	if q.options.FuzzyNames || len(values) != 1 {
		return
	}
	if prefix := namePrefix(values[0]); prefix != "" {
		column := "LOWER(" + a.column + ")"
		q.narrow = q.narrow || indexed[a.column]
		q.add(column+" >= ? AND "+column+" < ?", prefix, after(prefix))
	}
}

func (q *Query) whereDate(a *Attribute, values []string) bool {
	if len(values) != 1 {
		return false
	}
	from, to, err := dateRange(values[0])
	if err != nil {
		return false // compile has said so
	}
	q.narrow = q.narrow || indexed[a.column]
	if from == to {
		q.add(a.column+" = ?", from)
		return true
	}
	if from != "" {
		q.add(a.column+" >= ?", from)
	}
	if to != "" {
		q.add(a.column+" <= ?", to)
	}
	return false
}

func (q *Query) whereNumber(a *Attribute, values []string) bool {
	args := make([]any, len(values))
	for i, v := range values {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil {
			return false
		}
		args[i] = n
	}
	q.add(a.column+" IN (?"+strings.Repeat(", ?", len(args)-1)+")", args...)
	return true
}

// pairDateTime takes Study Date and Study Time together where that was
// negotiated: as one range of moments, in the requestor's time zone.
func (q *Query) pairDateTime(identifier *dicom.Dataset) error {
	dates, times := identifier.Texts(dicom.StudyDate), identifier.Texts(dicom.StudyTime)
	if q.zone != nil { // the answers are moved to their zone
		q.column(attributeIndex[dicom.StudyDate])
		q.column(attributeIndex[dicom.StudyTime])
	}
	if q.zone == nil && (!q.options.DateTime || universal(dates) || universal(times)) {
		return nil
	}
	if universal(dates) && universal(times) {
		return nil
	}
	q.paired = true
	theirs := q.zone
	if theirs == nil {
		theirs = time.Local
	}
	if len(dates) > 1 || len(times) > 1 {
		return radnode.Errorf(radnode.Invalid, "query", "Study Date and Study Time take one value or range")
	}
	date, clock := q.column(attributeIndex[dicom.StudyDate]), q.column(attributeIndex[dicom.StudyTime])
	match, err := q.momentMatcher(identifier.Text(dicom.StudyDate), identifier.Text(dicom.StudyTime), theirs)
	if err != nil {
		return err
	}
	q.filters = append(q.filters, func(row rowValues) bool { return match(row.text(date), row.text(clock)) })
	return nil
}

// momentMatcher compares date and time keys of a time zone with ours.
func (q *Query) momentMatcher(dateKey, timeKey string, theirs *time.Location) (func(date, clock string) bool, error) {
	if dateKey == "*" {
		dateKey = ""
	}
	if dateKey != "" {
		if err := q.widenDate(dateKey); err != nil {
			return nil, err
		}
		if q.options.DateTime || timeKey == "" {
			return combined(dateKey, orOpen(timeKey), theirs, time.Local)
		}
	}
	// Separate keys: each is compared with the value as it reads in their zone.
	dates, err := compile(MatchDate, []string{dateKey}, false)
	if err != nil {
		return nil, err
	}
	times, err := compile(MatchTime, []string{timeKey}, false)
	if err != nil {
		return nil, err
	}
	return func(date, clock string) bool {
		date, clock = moveTo(date, clock, time.Local, theirs)
		return (dates == nil || dates(date)) && (times == nil || times(clock))
	}, nil
}

// orOpen makes an absent time key the range of the whole day.
func orOpen(timeKey string) string {
	if timeKey == "" || timeKey == "*" {
		return "000000-235959.999999"
	}
	return timeKey
}

// widenDate lets the index serve a date key of another time zone: the day
// before and after count too.
func (q *Query) widenDate(key string) error {
	from, to, err := dateRange(key)
	if err != nil {
		return err
	}
	q.narrow = true
	shift := func(date string, days int) string {
		d, err := time.Parse("20060102", date)
		if err != nil {
			return date // dateRange has checked it
		}
		return d.AddDate(0, 0, days).Format("20060102")
	}
	if from != "" {
		q.add("s.study_date >= ?", shift(from, -1))
	}
	if to != "" {
		q.add("s.study_date <= ?", shift(to, 1))
	}
	return nil
}

// Unsupported lists the keys of the identifier that are not indexed at its
// level: their matches are told with FF01.
func (q *Query) Unsupported() []dicom.Tag { return q.unsupported }

// Level is the level of the query.
func (q *Query) Level() QueryLevel { return q.level }

// String names the query without patient data, for logs.
func (q *Query) String() string {
	return fmt.Sprintf("%s query of %d attributes", q.level, len(q.columns)+len(q.header))
}
