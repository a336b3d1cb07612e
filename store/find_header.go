package store

import (
	"context"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// headerKey takes a key in that only the header of an instance can answer.
func (q *Query) headerKey(identifier *dicom.Dataset, e *dicom.Element, a *Attribute) error {
	match, err := q.elementMatcher(identifier, e.Tag, a.Matching)
	if err != nil {
		return err
	}
	k := headerKey{tag: e.Tag, match: match}
	if item := identifier.Item(e.Tag); item.Len() > 0 {
		k.items = item
	}
	q.header = append(q.header, k)
	return nil
}

// elementMatcher compares an attribute of a header with a key; nil is
// universal matching.
func (q *Query) elementMatcher(keys *dicom.Dataset, tag dicom.Tag, m Matching) (func(*dicom.Dataset) bool, error) {
	if m == MatchSequence {
		return q.sequenceMatcher(keys, tag)
	}
	one, err := compile(m, keys.Texts(tag), q.options.FuzzyNames)
	if one == nil || err != nil {
		return nil, err
	}
	return func(d *dicom.Dataset) bool { return slices.ContainsFunc(d.Texts(tag), one) }, nil
}

// sequenceMatcher is sequence matching (PS3.4 C.2.2.2.6): all keys of the one
// item of the key match in one and the same item.
func (q *Query) sequenceMatcher(keys *dicom.Dataset, tag dicom.Tag) (func(*dicom.Dataset) bool, error) {
	items := keys.Items(tag)
	if len(items) > 1 {
		return nil, radnode.Errorf(radnode.Invalid, "query", "the key %s has %d items instead of one", tag.Keyword(), len(items))
	}
	var all []func(*dicom.Dataset) bool
	for _, e := range keys.Item(tag).Elements() {
		match, err := q.elementMatcher(keys.Item(tag), e.Tag, matchingOf(e.Tag))
		if err != nil {
			return nil, err
		}
		if match != nil {
			all = append(all, match)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return func(d *dicom.Dataset) bool {
		return slices.ContainsFunc(d.Items(tag), func(item *dicom.Dataset) bool {
			return !slices.ContainsFunc(all, func(m func(*dicom.Dataset) bool) bool { return !m(item) })
		})
	}, nil
}

// fromHeader compares the header keys of a row and completes its answer; nil:
// it is no match.
func (f *finding) fromHeader(ctx context.Context, row rowValues, match *dicom.Dataset) (*dicom.Dataset, error) {
	if err := ctx.Err(); err != nil {
		return nil, databaseError("query index", context.Cause(ctx))
	}
	file, err := dicom.ReadFile(f.store.Path(row.text(len(f.query.columns))), dicom.Limits{})
	if err != nil {
		return nil, err
	}
	for _, k := range f.query.header {
		if k.match != nil && !k.match(file.Dataset) {
			return nil, nil
		}
	}
	full := match.Clone()
	for _, k := range f.query.header {
		full.SetBytes(k.tag, "", nil)
		copyKey(full, file.Dataset, k.tag, k.items)
	}
	return full, nil
}

// copyKey answers one key; of a sequence only what its key names.
func copyKey(to, from *dicom.Dataset, tag dicom.Tag, keys *dicom.Dataset) {
	if keys == nil {
		if from.Has(tag) {
			to.Copy(from, tag)
		}
		return
	}
	var items []*dicom.Dataset
	for _, item := range from.Items(tag) {
		reduced := dicom.NewDataset()
		for _, e := range keys.Elements() {
			var nested *dicom.Dataset
			if inner := keys.Item(e.Tag); inner.Len() > 0 {
				nested = inner
			}
			reduced.SetBytes(e.Tag, "", nil)
			copyKey(reduced, item, e.Tag, nested)
		}
		items = append(items, reduced)
	}
	to.SetItems(tag, items...)
}
