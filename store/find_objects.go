package store

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// StoredObject is an instance that can be sent.
type StoredObject struct {
	SOPClassUID, SOPInstanceUID, TransferSyntaxUID, SeriesInstanceUID radnode.UID
	Path                                                              string
}

// uniqueColumns are the columns of the unique keys from the top, over the
// table i; the patient is found through the studies.
var uniqueColumns = [...]string{"", "i.study_uid", "i.series_uid", "i.sop_uid"}

// Objects lists what the identifier of a C-MOVE or C-GET names (PS3.4
// C.4.2.1.4): the instances whose unique keys are among its values, in the
// order of series and number. One more than most ends the list. A draft is
// among them where it is named by itself and a workitem asked for it.
func (s *Store) Objects(ctx context.Context, identifier *dicom.Dataset, o QueryOptions, most int) ([]StoredObject, error) {
	q := &Query{options: o}
	var err error
	if q.level, err = levelOf(identifier, o); err != nil {
		return nil, err
	}
	if err := q.demandUniqueKeys(identifier); err != nil {
		return nil, err
	}
	where, args := visible, []any(nil)
	if q.level == ImageLevel {
		where = `(` + visible + ` OR EXISTS (SELECT 1 FROM workitem_outputs o WHERE o.sop_uid = i.sop_uid))`
	}
	for _, t := range q.where {
		where += " AND " + t.text
		args = append(args, t.args...)
	}
	text := numbered(`SELECT i.class_uid, i.sop_uid, i.syntax_uid, i.series_uid, i.file FROM instances i WHERE ` + where + ` ORDER BY i.study_uid, i.series_uid, i.number, i.sop_uid LIMIT ?`)
	return list(ctx, s.read, func(row scanner) (StoredObject, error) {
		var v StoredObject
		err := row.Scan(&v.SOPClassUID, &v.SOPInstanceUID, &v.TransferSyntaxUID, &v.SeriesInstanceUID, &v.Path)
		v.Path = s.Path(v.Path)
		return v, err
	}, text, append(args, most+1)...)
}

// demandUniqueKeys makes the selection of a retrieval: every level down to its
// own needs values, unless relational retrieval was negotiated, which needs
// those of its own level alone.
func (q *Query) demandUniqueKeys(identifier *dicom.Dataset) error {
	for level, tag := range uniqueKeys {
		values := identifier.Texts(tag)
		given := len(values) > 0 && values[0] != ""
		switch {
		case QueryLevel(level) > q.level:
			return nil
		case given && len(values) > maxKeyValues:
			return radnode.Errorf(radnode.Invalid, "retrieve", "the key %s has more than %d values", tag.Keyword(), maxKeyValues)
		case given && level == int(PatientLevel):
			column := Query{}
			column.addList("s.patient_id", values)
			q.add("i.study_uid IN (SELECT s.study_uid FROM studies s WHERE "+column.where[0].text+")", column.where[0].args...)
		case given:
			q.addList(uniqueColumns[level], values)
		case QueryLevel(level) == q.level, !q.options.Relational && (level > 0 || q.options.PatientRoot):
			return radnode.Errorf(radnode.Invalid, "retrieve", "level %s needs values of %s", q.level, tag.Keyword())
		}
	}
	return nil
}
