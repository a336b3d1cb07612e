package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/radnode/radnode/dicom"
)

// A page is as many rows as are read at once. Matches are sent to peers that
// may be slow, and a reader that stays open keeps the write-ahead log from
// being emptied: between pages none is.
const pageRows = 4096

// maxHeaders bounds the instance headers that one query reads from disk.
const maxHeaders = 2000

// ErrMoreMatches ends a query at a limit; what was sent is right but not all.
var ErrMoreMatches = errors.New("the limit of matches was reached")

// rowValues is one row of a page: a piece of the page's memory for each column.
type rowValues struct {
	values []byte
	ends   []int // end of each column in values; a separator follows
}

func (r rowValues) bytes(i int) []byte {
	begin := 0
	if i > 0 {
		begin = r.ends[i-1] + 1
	}
	return r.values[begin:r.ends[i]:r.ends[i]]
}

func (r rowValues) text(i int) string { return string(r.bytes(i)) }

// sources are the tables of each level, the condition that a row is there for
// others, and the columns that order and identify rows.
var sources = [...]struct {
	from, where string
	order       []string
}{
	PatientLevel: {`studies s`, `s.patient_id <> '' AND s.study_uid = (SELECT c.study_uid ` + patients + ` ORDER BY c.last_received_at DESC, c.study_uid LIMIT 1)`,
		[]string{"s.patient_id"}},
	StudyLevel: {`studies s`, "", []string{"s.study_uid"}},
	SeriesLevel: {`series r JOIN studies s ON s.study_uid = r.study_uid`,
		`EXISTS (SELECT 1 FROM instances i WHERE i.study_uid = r.study_uid AND i.series_uid = r.series_uid AND ` + visible + `)`,
		[]string{"r.study_uid", "r.series_uid"}},
	ImageLevel: {`instances i JOIN series r ON r.study_uid = i.study_uid AND r.series_uid = i.series_uid JOIN studies s ON s.study_uid = i.study_uid`,
		visible, []string{"i.sop_uid"}},
}

// Find sends each match of a query (PS3.4 C.4.1.3). The data set is valid
// until each returns. At most limit matches are sent; if there are more the
// error is ErrMoreMatches.
func (s *Store) Find(ctx context.Context, q *Query, limit int, each func(*dicom.Dataset) error) error {
	r := &finding{store: s, query: q, left: limit, each: each, headers: maxHeaders, answer: newAnswer(q)}
	p := pages.Get().(*page) //nolint:forcetypeassert // the pool holds nothing else
	defer pages.Put(p)
	var after []any
	for {
		if err := s.readPage(ctx, q, p, part{after: after, limit: pageRows}); err != nil {
			return err
		}
		if err := r.send(ctx, p); err != nil {
			return err
		}
		if p.rows < pageRows {
			return nil
		}
		after = p.last(q)
	}
}

// part is which rows of a query are read: those behind a key, or from an
// offset on.
type part struct {
	after         []any
	offset, limit int
}

// shape is how the rows of a query are read.
type shape int

const (
	asRows   shape = iota
	asJoined       // one value with their number
	asCount        // their number alone
)

// page is the rows read at once.
type page struct {
	values []byte
	ends   []int
	starts []int // of each row in values
	rows   int
	width  int
}

var pages = sync.Pool{New: func() any { return new(page) }}

func (p *page) row(i int) rowValues {
	end := len(p.values)
	if i+1 < p.rows {
		end = p.starts[i+1]
	}
	return rowValues{p.values[p.starts[i]:end], p.ends[i*p.width : (i+1)*p.width]}
}

// last is the key of the last row: its last columns.
func (p *page) last(q *Query) []any {
	r := p.row(p.rows - 1)
	var key []any
	for i := range sources[q.level].order {
		key = append(key, r.text(len(q.columns)+q.extra()+i))
	}
	return key
}

// extra is how many columns are read beside those of the attributes and key.
func (q *Query) extra() int {
	if len(q.header) > 0 {
		return 1
	}
	return 0
}

// headerFile is the file of one instance of the entity.
var headerFile = [...]string{
	PatientLevel: `(SELECT COALESCE(MIN(i.file), '') FROM instances i WHERE i.study_uid = s.study_uid AND ` + visible + `)`,
	StudyLevel:   `(SELECT COALESCE(MIN(i.file), '') FROM instances i WHERE i.study_uid = s.study_uid AND ` + visible + `)`,
	SeriesLevel:  `(SELECT COALESCE(MIN(i.file), '') FROM instances i WHERE i.study_uid = r.study_uid AND i.series_uid = r.series_uid AND ` + visible + `)`,
	ImageLevel:   `i.file`,
}

// sql makes the text of the query for a part of its rows.
func (q *Query) sql(p part, as shape) (string, []any) {
	src := sources[q.level]
	var columns []string
	for _, a := range q.columns {
		columns = append(columns, a.column)
	}
	if q.extra() > 0 {
		columns = append(columns, headerFile[q.level])
	}
	columns = append(columns, src.order...)
	var b strings.Builder
	var args []any
	switch as {
	case asCount:
		b.WriteString("SELECT COUNT(*) FROM (SELECT 1 AS one")
	case asJoined:
		const glue = " || '" + separator + "'"
		b.WriteString("SELECT COUNT(*), COALESCE(STRING_AGG(line, ''), '') FROM (SELECT " + strings.Join(columns, glue+" || ") + glue + " AS line")
	case asRows:
		b.WriteString("SELECT " + strings.Join(columns, ", "))
	}
	b.WriteString(" FROM " + src.from)
	order := strings.Join(src.order, ", ")
	if q.narrow {
		// An index serves the selection: the order must not choose another one.
		order = strings.Join(src.order, " || '', ") + " || ''"
	}
	where := q.where
	if src.where != "" {
		where = append(where[:len(where):len(where)], term{text: src.where})
	}
	if p.after != nil {
		where = append(where[:len(where):len(where)], term{"(" + order + ") > (?" + strings.Repeat(", ?", len(p.after)-1) + ")", p.after})
	}
	for i, t := range where {
		b.WriteString([]string{" WHERE ", " AND "}[min(i, 1)] + t.text)
		args = append(args, t.args...)
	}
	if as != asCount {
		b.WriteString(" ORDER BY " + order)
	}
	b.WriteString(" LIMIT ? OFFSET ?")
	if as != asRows {
		b.WriteString(") AS page")
	}
	return numbered(b.String()), append(args, p.limit, p.offset)
}

// numbered turns each "?" into $1, $2 …
func numbered(q string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(q, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// readPage reads the rows after a key into the memory of p.
func (s *Store) readPage(ctx context.Context, q *Query, p *page, which part) error {
	p.width = len(q.columns) + q.extra() + len(sources[q.level].order)
	if joined, err := s.readJoined(ctx, q, p, which); joined || err != nil {
		return err
	}
	const op = "query index"
	text, args := q.sql(which, asRows)
	rows, err := s.read.QueryContext(ctx, text, args...)
	if err != nil {
		return databaseError(op, err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	p.reset()
	raw := make([]sql.RawBytes, p.width)
	into := make([]any, p.width)
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return databaseError(op, err)
		}
		start := len(p.values)
		p.starts = append(p.starts, start)
		for _, v := range raw {
			p.values = append(p.values, v...)
			p.ends = append(p.ends, len(p.values)-start)
			p.values = append(p.values, separator[0])
		}
		p.rows++
	}
	return databaseError(op, rows.Err())
}

// separator ends each column of a page that is read as one value. It is a
// control character that no value representation allows (PS3.5 6.1.3).
const separator = "\x1f"

// readJoined reads a page as one value, which costs a fraction of reading each
// column of each row. It reports whether that went well: a value that holds
// the separator spoils it.
func (s *Store) readJoined(ctx context.Context, q *Query, p *page, which part) (bool, error) {
	text, args := q.sql(which, asJoined)
	var rows int
	p.reset()
	var raw sql.RawBytes
	found, err := s.queryKept(ctx, text, args...)
	if err != nil {
		return false, databaseError("query index", err)
	}
	defer found.Close() //nolint:errcheck // Err below tells
	for found.Next() {
		if err := found.Scan(&rows, &raw); err != nil {
			return false, databaseError("query index", err)
		}
		p.values = append(p.values, raw...)
	}
	if err := found.Err(); err != nil {
		return false, databaseError("query index", err)
	}
	return p.split(rows), nil
}

// split finds the columns in a joined page.
func (p *page) split(rows int) bool {
	start, in := 0, 0
	for i, c := range p.values {
		if c != separator[0] {
			continue
		}
		if in == 0 {
			p.starts = append(p.starts, start)
		}
		p.ends = append(p.ends, i-start)
		if in++; in == p.width {
			start, in = i+1, 0
			p.rows++
		}
	}
	return p.rows == rows && in == 0
}

func (p *page) reset() {
	p.values, p.ends, p.starts, p.rows = p.values[:0], p.ends[:0], p.starts[:0], 0
}

// finding is one Find under way.
type finding struct {
	store   *Store
	query   *Query
	left    int // matches that may still be sent
	headers int // headers that may still be read
	answer  *answer
	each    func(*dicom.Dataset) error
}

// send sends the matches of a page.
func (f *finding) send(ctx context.Context, p *page) error {
	for i := range p.rows {
		row := p.row(i)
		if !f.query.accepts(row) {
			continue
		}
		match := f.answer.fill(row)
		if len(f.query.header) > 0 {
			if f.headers--; f.headers < 0 {
				return ErrMoreMatches
			}
			var err error
			if match, err = f.fromHeader(ctx, row, match); err != nil {
				return err
			}
			if match == nil {
				continue
			}
		}
		if f.left--; f.left < 0 {
			return ErrMoreMatches
		}
		if err := f.each(match); err != nil {
			return err
		}
	}
	return nil
}

func (q *Query) accepts(row rowValues) bool {
	for _, f := range q.filters {
		if !f(row) {
			return false
		}
	}
	return true
}

// answer is the data set of a match, whose elements are filled for each row.
type answer struct {
	query  *Query
	match  *dicom.Dataset
	fields []field
	moved  *[2]int // columns of Study Date and Study Time to be moved to the requestor's zone
}

// field is an element of the answer and the column it comes from.
type field struct {
	element *dicom.Element
	column  int
	*Attribute
}

func newAnswer(q *Query) *answer {
	a := &answer{query: q, match: dicom.NewDataset()}
	a.match.SetText(dicom.QueryRetrieveLevel, q.level.String())
	a.match.SetText(dicom.RetrieveAETitle, q.options.RetrieveAE)
	a.match.SetText(dicom.InstanceAvailability, "ONLINE")
	if q.zone != nil {
		a.match.SetText(dicom.TimezoneOffsetFromUTC, q.zone.String())
		a.moved = &[2]int{q.column(attributeIndex[dicom.StudyDate]), q.column(attributeIndex[dicom.StudyTime])}
	}
	for _, at := range q.returned {
		attribute := q.columns[at]
		a.match.SetBytes(attribute.Tag, "", nil)
		e, _ := a.match.Get(attribute.Tag)
		a.fields = append(a.fields, field{e, at, attribute})
	}
	return a
}

// fill makes the answer say what a row holds.
func (a *answer) fill(row rowValues) *dicom.Dataset {
	for _, f := range a.fields {
		v := row.bytes(f.column)
		switch {
		case f.zero && string(v) == "0":
			v = nil
		case f.blanks:
			v = []byte(strings.Join(strings.Fields(string(v)), `\`))
		case f.element.VR == dicom.US:
			n, _ := strconv.Atoi(string(v))                                           // the column is a number
			v = binary.LittleEndian.AppendUint16(nil, uint16(min(n, math.MaxUint16))) //nolint:gosec // not negative
		}
		f.element.Value = v
	}
	if a.moved != nil {
		date, clock := moveTo(row.text(a.moved[0]), row.text(a.moved[1]), time.Local, a.query.zone)
		for tag, v := range map[dicom.Tag]string{dicom.StudyDate: date, dicom.StudyTime: clock} {
			if a.match.Has(tag) {
				a.match.SetText(tag, v)
			}
		}
	}
	return a.match
}

// keptStatements are the prepared statements of queries: the same few keys
// come again and again.
type keptStatements struct {
	mu  sync.Mutex
	all map[string]*sql.Stmt
}

// queryKept runs a query whose statement is kept, as far as there is room.
func (s *Store) queryKept(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s.kept.mu.Lock()
	st := s.kept.all[text]
	if st == nil && len(s.kept.all) < maxStatements && len(text) < 4096 {
		var err error
		if st, err = s.read.PrepareContext(ctx, text); err != nil {
			s.kept.mu.Unlock()
			return nil, err
		}
		if s.kept.all == nil {
			s.kept.all = map[string]*sql.Stmt{}
		}
		s.kept.all[text] = st
	}
	s.kept.mu.Unlock()
	if st == nil {
		return s.read.QueryContext(ctx, text, args...)
	}
	return st.QueryContext(ctx, args...)
}
