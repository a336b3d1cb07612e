package store

import (
	"context"
	"errors"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// FindPart sends the matches from offset on, at most limit of them, in the
// order of Find, and counts what follows, up to count. Where the index decides
// alone, it skips and counts.
func (s *Store) FindPart(ctx context.Context, q *Query, offset, limit, count int, each func(*dicom.Dataset) error) (further int, err error) {
	if !q.exact() {
		return s.findThrough(ctx, q, offset, limit, count, each)
	}
	r := &finding{store: s, query: q, left: limit, each: each, headers: maxHeaders, answer: newAnswer(q)}
	p := pages.Get().(*page) //nolint:forcetypeassert // the pool holds nothing else
	defer pages.Put(p)
	next := part{offset: offset, limit: min(pageRows, limit)}
	for sent := 0; sent < limit; {
		if err := s.readPage(ctx, q, p, next); err != nil {
			return 0, err
		}
		if err := r.send(ctx, p); errors.Is(err, ErrMoreMatches) {
			return 1, nil // more headers would have to be read than one query may
		} else if err != nil {
			return 0, err
		}
		if sent += p.rows; p.rows < next.limit {
			return 0, nil
		}
		next = part{after: p.last(q), limit: min(pageRows, limit-sent)}
	}
	return s.count(ctx, q, offset+limit, count)
}

// findThrough is FindPart where rows must be looked at to know whether they
// match.
func (s *Store) findThrough(ctx context.Context, q *Query, offset, limit, count int, each func(*dicom.Dataset) error) (further int, err error) {
	seen := 0
	err = s.Find(ctx, q, offset+limit+count, func(d *dicom.Dataset) error {
		switch seen++; {
		case seen <= offset:
			return nil
		case seen > offset+limit:
			further++
			return nil
		}
		return each(d)
	})
	if errors.Is(err, ErrMoreMatches) {
		if seen <= offset && limit > 0 {
			return 0, radnode.Errorf(radnode.TooLarge, "query index", "more headers would have to be read than one query may: narrow the search")
		}
		further, err = max(further, 1), nil
	}
	return further, err
}

// count counts the matches from offset on, up to most.
func (s *Store) count(ctx context.Context, q *Query, offset, most int) (int, error) {
	text, args := q.sql(part{offset: offset, limit: most}, asCount)
	rows, err := s.queryKept(ctx, text, args...)
	if err != nil {
		return 0, databaseError("query index", err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	n := 0
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, databaseError("query index", err)
		}
	}
	return n, databaseError("query index", rows.Err())
}

// exact reports whether SQL alone decides what matches.
func (q *Query) exact() bool {
	return len(q.filters) == 0 && !slices.ContainsFunc(q.header, func(k headerKey) bool { return k.match != nil })
}
