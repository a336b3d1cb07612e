package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/radnode/radnode"
)

// orders are the orders of the worklist; the last terms make the order total,
// so that pages neither repeat nor skip a study.
var orders = map[string]struct{ ascending, descending string }{
	"":         {byUrgency, byUrgency},
	"urgency":  {byUrgency, byUrgency},
	"received": {"last_received_at, study_uid", "last_received_at DESC, study_uid"},
	"name":     {"LOWER(patient_name), last_received_at DESC, study_uid", "LOWER(patient_name) DESC, last_received_at DESC, study_uid"},
	"date":     {"study_date, study_time, study_uid", "study_date DESC, study_time DESC, study_uid"},
}

// byUrgency puts what waits for somebody above what is done, the newest first.
const byUrgency = "urgency DESC, CASE WHEN state IN ('signed', 'delivered') THEN 1 ELSE 0 END, last_received_at DESC, study_uid"

const (
	defaultLimit = 100
	maxLimit     = 500
	maxTerms     = 8
)

// Worklist lists the studies that a filter selects, and how many there are.
func (s *Store) Worklist(ctx context.Context, f radnode.StudyFilter) ([]radnode.StudySummary, int, error) {
	const op = "read worklist"
	order, ok := orders[f.Sort]
	if !ok {
		return nil, 0, radnode.Errorf(radnode.Invalid, op, "the worklist cannot be sorted by %.20q: use urgency, received, name or date", f.Sort)
	}
	if f.Limit == 0 {
		f.Limit = defaultLimit
	}
	if f.Limit < 1 || f.Limit > maxLimit || f.Offset < 0 {
		return nil, 0, radnode.Errorf(radnode.Invalid, op, "limit must be 1 to %d and offset at least 0", maxLimit)
	}
	where, args := filter(f)
	var total int
	if err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM studies`+where, args...).Scan(&total); err != nil {
		return nil, 0, databaseError(op, err)
	}
	by := order.ascending
	if f.Descending {
		by = order.descending
	}
	q := fmt.Sprintf(`SELECT %s FROM studies%s ORDER BY %s LIMIT %d OFFSET %d`, studyColumns, where, by, f.Limit, f.Offset)
	studies, err := list(ctx, s.read, scanStudy, q, args...)
	return studies, total, err
}

// filter makes the WHERE clause; every value travels as an argument.
func filter(f radnode.StudyFilter) (string, []any) {
	var terms []string
	var args []any
	add := func(format string, v any) {
		args = append(args, v)
		terms = append(terms, fmt.Sprintf(format, len(args)))
	}
	for i, word := range strings.Fields(strings.ToLower(f.Text)) {
		if i == maxTerms {
			break
		}
		add(`search LIKE $%d ESCAPE '\'`, "%"+likeText(word)+"%")
	}
	if f.From != "" {
		add(`study_date >= $%d`, f.From)
	}
	if f.To != "" {
		add(`study_date <= $%d`, f.To)
	}
	if f.Modality != "" {
		add(`modalities LIKE $%d ESCAPE '\'`, "% "+likeText(strings.ToUpper(f.Modality))+" %")
	}
	if f.State != "" {
		add(`state = $%d`, string(f.State))
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

// Namesakes lists the studies of a Patient ID or of a patient's name, the
// newest first, at most limit: whether they are of one person, their headers
// tell.
func (s *Store) Namesakes(ctx context.Context, id, name string, limit int) ([]radnode.StudySummary, error) {
	return list(ctx, s.read, scanStudy, `SELECT `+studyColumns+` FROM studies WHERE patient_id = $1 AND patient_id <> ''
  OR LOWER(patient_name) = LOWER($2) AND patient_name <> '' ORDER BY study_date DESC, study_time DESC, study_uid LIMIT $3`, id, name, limit)
}
