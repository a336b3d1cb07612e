package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/store"
)

// indexed is an instance whose file holds a header.
func indexed(tb testing.TB, s *store.Store, header map[dicom.Tag]string, more func(*dicom.Dataset)) {
	tb.Helper()
	d := dicom.NewDataset()
	for tag, v := range header {
		d.SetText(tag, strings.Split(v, `\`)...)
	}
	d.SetUID(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.1")
	if more != nil {
		more(d)
	}
	r := store.RecordOf(d)
	r.TransferSyntaxUID, r.Origin, r.Status, r.ReceivedAt = "1.2.840.10008.1.2.1", store.Received, store.Waiting, time.Now().UTC()
	f, err := s.Create(r.SOPInstanceUID)
	if err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, r.TransferSyntaxUID); err != nil {
		tb.Fatal(err)
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		tb.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		tb.Fatal(err)
	}
	r.Size, r.Digest, r.File = f.Size(), f.Digest(), f.Name()
	if err := s.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		_, _, err := tx.Add(ctx, &r)
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	if err := f.Keep(); err != nil {
		tb.Fatal(err)
	}
}

// archive is a store with a few studies whose Study ID tells them apart.
func archive(tb testing.TB) *store.Store {
	tb.Helper()
	s := mustOpen(tb, store.Options{})
	for i, v := range []struct{ name, id, date, clock, accession, modality, description string }{
		{"Doe^Jane", "P1", "20260102", "101530", "A1", "CR", "Chest PA"},
		{"DOE^JOHN^^Dr.", "P2", "20260103", "2359", "A2", "DX", "chest pa"},
		{"Müller^Änne", "P3", "20260104", "000000.5", "A3", "CT", "Thorax*"},
		{"Yamada^Tarou=山田^太郎=やまだ^たろう", "P4", "20251231", "12", "", "MR", "Head"},
		{"Doering", "P1", "", "", "A5", "CR", ""},
	} {
		for series := 1; series <= 2; series++ {
			for image := 1; image <= 2; image++ {
				study := fmt.Sprintf("1.2.826.7.%d", i+1)
				indexed(tb, s, map[dicom.Tag]string{
					dicom.PatientName: v.name, dicom.PatientID: v.id, dicom.StudyDate: v.date, dicom.StudyTime: v.clock,
					dicom.AccessionNumber: v.accession, dicom.StudyID: fmt.Sprintf("S%d", i+1), dicom.StudyDescription: v.description,
					dicom.StudyInstanceUID: study, dicom.SeriesInstanceUID: fmt.Sprintf("%s.%d", study, series),
					dicom.SOPInstanceUID: fmt.Sprintf("%s.%d.%d", study, series, image), dicom.Modality: v.modality,
					dicom.SeriesNumber: fmt.Sprint(series), dicom.InstanceNumber: fmt.Sprint(image), dicom.ProtocolName: "protocol " + v.modality,
				}, func(d *dicom.Dataset) {
					step := func(id, code string) *dicom.Dataset {
						item := dicom.NewDataset()
						item.SetText(dicom.RequestedProcedureID, id)
						item.SetText(dicom.ScheduledProcedureStepID, code)
						return item
					}
					d.SetItems(dicom.RequestAttributesSequence, step("RP"+v.id, "SPS1"), step("other", "SPS2"))
				})
			}
		}
	}
	return s
}

// find returns one attribute of each match, sorted.
func find(t *testing.T, s *store.Store, o store.QueryOptions, wanted dicom.Tag, level string, keys ...any) ([]string, error) {
	t.Helper()
	d := dicom.NewDataset()
	d.SetText(dicom.QueryRetrieveLevel, level)
	d.SetText(wanted)
	for i := 0; i < len(keys); i += 2 {
		switch v := keys[i+1].(type) {
		case string:
			d.SetText(keys[i].(dicom.Tag), v)
		case *dicom.Dataset:
			d.SetItems(keys[i].(dicom.Tag), v)
		}
	}
	q, err := store.NewQuery(d, o)
	if err != nil {
		return nil, err
	}
	got := []string{}
	err = s.Find(context.Background(), q, 1000, func(m *dicom.Dataset) error {
		got = append(got, strings.Join(m.Texts(wanted), `\`))
		return nil
	})
	slices.Sort(got)
	return got, err
}

func item(keys ...any) *dicom.Dataset {
	d := dicom.NewDataset()
	for i := 0; i < len(keys); i += 2 {
		d.SetText(keys[i].(dicom.Tag), keys[i+1].(string))
	}
	return d
}

func TestEveryKindOfMatchingFindsWhatItShould(t *testing.T) {
	s := archive(t)
	relational := store.QueryOptions{Relational: true}
	all := []string{"S1", "S2", "S3", "S4", "S5"}
	for name, c := range map[string]struct {
		o    store.QueryOptions
		keys []any
		want []string
	}{
		"universal":                   {want: all},
		"single value":                {keys: []any{dicom.PatientID, "P1"}, want: []string{"S1", "S5"}},
		"single value, other case":    {keys: []any{dicom.PatientID, "p1"}},
		"list":                        {keys: []any{dicom.AccessionNumber, `A1\A3`}, want: []string{"S1", "S3"}},
		"list of UID":                 {keys: []any{dicom.StudyInstanceUID, `1.2.826.7.2\1.2.826.7.3\1.2.3`}, want: []string{"S2", "S3"}},
		"wild card":                   {keys: []any{dicom.StudyDescription, "*hest*"}, want: []string{"S1", "S2"}},
		"wild card is case sensitive": {keys: []any{dicom.StudyDescription, "Chest*"}, want: []string{"S1"}},
		"wild card of one character":  {keys: []any{dicom.StudyDescription, "?hest PA"}, want: []string{"S1"}},
		"wild card with empty values": {keys: []any{dicom.AccessionNumber, "A*"}, want: []string{"S1", "S2", "S3", "S5"}},
		"a lone asterisk":             {keys: []any{dicom.AccessionNumber, "*"}, want: all},
		"percent is no wild card":     {keys: []any{dicom.StudyDescription, "%hest*"}},
		"name in other case":          {keys: []any{dicom.PatientName, "doe^jane"}, want: []string{"S1"}},
		"name without suffix":         {keys: []any{dicom.PatientName, "DOE^JOHN"}},
		"name with empty components":  {keys: []any{dicom.PatientName, "doe^jane^^^"}, want: []string{"S1"}},
		"name with wild card":         {keys: []any{dicom.PatientName, "doe*"}, want: []string{"S1", "S2", "S5"}},
		"family name with wild card":  {keys: []any{dicom.PatientName, "doe^*"}, want: []string{"S1", "S2"}},
		"given name":                  {keys: []any{dicom.PatientName, "*^j*"}, want: []string{"S1", "S2"}},
		"name beyond ASCII":           {keys: []any{dicom.PatientName, "MÜLLER^Ä*"}, want: []string{"S3"}},
		"ideographic name":            {keys: []any{dicom.PatientName, "山田*"}, want: []string{"S4"}},
		"all groups of a name":        {keys: []any{dicom.PatientName, "yamada^tarou=山田^太郎=*"}, want: []string{"S4"}},
		"ideographic group alone":     {keys: []any{dicom.PatientName, "=山田^太郎"}, want: []string{"S4"}},
		"groups of two names":         {keys: []any{dicom.PatientName, "doe^jane=山田^太郎"}},
		"alphabetic group":            {keys: []any{dicom.PatientName, "YAMADA^TAROU"}, want: []string{"S4"}},
		"date":                        {keys: []any{dicom.StudyDate, "20260102"}, want: []string{"S1"}},
		"date range":                  {keys: []any{dicom.StudyDate, "20251231-20260102"}, want: []string{"S1", "S4"}},
		"date from":                   {keys: []any{dicom.StudyDate, "20260103-"}, want: []string{"S2", "S3"}},
		"date until":                  {keys: []any{dicom.StudyDate, "-20260101"}, want: []string{"S4"}},
		"time":                        {keys: []any{dicom.StudyTime, "10"}, want: []string{"S1"}},
		"time range":                  {keys: []any{dicom.StudyTime, "1015-1230"}, want: []string{"S1", "S4"}},
		"time over midnight":          {keys: []any{dicom.StudyTime, "2350-0010"}, want: []string{"S2", "S3"}},
		"separate date and time":      {keys: []any{dicom.StudyDate, "20260102-20260104", dicom.StudyTime, "0900-1100"}, want: []string{"S1"}},
		"combined date and time": {o: store.QueryOptions{DateTime: true},
			keys: []any{dicom.StudyDate, "20260102-20260104", dicom.StudyTime, "0900-1100"}, want: []string{"S1", "S2", "S3"}},
		"modalities":             {keys: []any{dicom.ModalitiesInStudy, `MR\CT`}, want: []string{"S3", "S4"}},
		"classes":                {keys: []any{dicom.SOPClassesInStudy, "1.2.840.10008.5.1.4.1.1.1"}, want: all},
		"fuzzy name":             {o: store.QueryOptions{FuzzyNames: true}, keys: []any{dicom.PatientName, "anne muler"}, want: []string{"S3"}},
		"fuzzy name, first word": {o: store.QueryOptions{FuzzyNames: true}, keys: []any{dicom.PatientName, "jo doe"}, want: []string{"S2"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == nil {
				c.want = []string{}
			}
			got, err := find(t, s, c.o, dicom.StudyID, "STUDY", c.keys...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for name, c := range map[string]struct {
		o      store.QueryOptions
		wanted dicom.Tag
		level  string
		keys   []any
		want   []string
	}{
		"patients": {store.QueryOptions{PatientRoot: true}, dicom.PatientID, "PATIENT", nil, []string{"P1", "P2", "P3", "P4"}},
		"studies of a patient": {store.QueryOptions{PatientRoot: true}, dicom.StudyID, "STUDY",
			[]any{dicom.PatientID, "P1"}, []string{"S1", "S5"}},
		"studies a patient has": {store.QueryOptions{PatientRoot: true}, dicom.NumberOfPatientRelatedStudies, "PATIENT",
			[]any{dicom.PatientID, "P1"}, []string{"2"}},
		"images of a patient": {store.QueryOptions{PatientRoot: true}, dicom.NumberOfPatientRelatedInstances, "PATIENT",
			[]any{dicom.PatientID, "P1"}, []string{"8"}},
		"series": {store.QueryOptions{}, dicom.SeriesNumber, "SERIES", []any{dicom.StudyInstanceUID, "1.2.826.7.1"}, []string{"1", "2"}},
		"series by number": {store.QueryOptions{}, dicom.SeriesInstanceUID, "SERIES",
			[]any{dicom.StudyInstanceUID, "1.2.826.7.1", dicom.SeriesNumber, "02"}, []string{"1.2.826.7.1.2"}},
		"series, relational": {relational, dicom.SeriesNumber, "SERIES", []any{dicom.PatientName, "Doering"}, []string{"1", "2"}},
		"images": {store.QueryOptions{}, dicom.SOPInstanceUID, "IMAGE",
			[]any{dicom.StudyInstanceUID, "1.2.826.7.1", dicom.SeriesInstanceUID, "1.2.826.7.1.2"}, []string{"1.2.826.7.1.2.1", "1.2.826.7.1.2.2"}},
		"images, relational": {relational, dicom.SOPInstanceUID, "IMAGE",
			[]any{dicom.PatientID, "P2", dicom.InstanceNumber, "1"}, []string{"1.2.826.7.2.1.1", "1.2.826.7.2.2.1"}},
		"a key of the header": {relational, dicom.ProtocolName, "SERIES", []any{dicom.ProtocolName, "*CT"}, []string{"protocol CT", "protocol CT"}},
		"a sequence": {relational, dicom.StudyID, "SERIES",
			[]any{dicom.RequestAttributesSequence, item(dicom.RequestedProcedureID, "RPP3", dicom.ScheduledProcedureStepID, "SPS1")}, []string{"S3", "S3"}},
		"a sequence with keys of two items": {relational, dicom.StudyID, "SERIES",
			[]any{dicom.RequestAttributesSequence, item(dicom.RequestedProcedureID, "RPP3", dicom.ScheduledProcedureStepID, "SPS2")}, []string{}},
		"a sequence, universal": {store.QueryOptions{}, dicom.SeriesNumber, "SERIES",
			[]any{dicom.StudyInstanceUID, "1.2.826.7.1", dicom.RequestAttributesSequence, item()}, []string{"1", "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := find(t, s, c.o, c.wanted, c.level, c.keys...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAQueryInAnotherTimeZone(t *testing.T) {
	s := archive(t)
	// 2026-01-03 23:59 here is in the next day two hours further east.
	_, offset := time.Date(2026, 1, 3, 23, 59, 0, 0, time.Local).Zone()
	zone := time.FixedZone("", offset+2*3600)
	text := time.Date(2026, 1, 3, 0, 0, 0, 0, zone).Format("-0700")
	o := store.QueryOptions{Timezone: true, DateTime: true}
	for key, want := range map[string][]string{"20260104": {"20260104", "20260104"}, "20260103": {}} {
		got, err := find(t, s, o, dicom.StudyDate, "STUDY", dicom.TimezoneOffsetFromUTC, text, dicom.StudyDate, key)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", key, diff)
		}
	}
	got, err := find(t, s, o, dicom.StudyTime, "STUDY", dicom.TimezoneOffsetFromUTC, text, dicom.AccessionNumber, "A2")
	if err != nil || !slices.Equal(got, []string{"0159"}) {
		t.Errorf("%v %v", got, err)
	}
}

func TestIdentifiersThatDoNotFitAreRefused(t *testing.T) {
	s := archive(t)
	for name, c := range map[string]struct {
		o     store.QueryOptions
		level string
		keys  []any
	}{
		"no level":                {level: ""},
		"unknown level":           {level: "FRAME"},
		"patient in study root":   {level: "PATIENT"},
		"series without study":    {level: "SERIES"},
		"image without series":    {level: "IMAGE", keys: []any{dicom.StudyInstanceUID, "1.2.826.7.1"}},
		"several studies above":   {level: "SERIES", keys: []any{dicom.StudyInstanceUID, `1.2\1.3`}},
		"study without patient":   {o: store.QueryOptions{PatientRoot: true}, level: "STUDY"},
		"no date":                 {level: "STUDY", keys: []any{dicom.StudyDate, "2026-01-02"}},
		"no time":                 {level: "STUDY", keys: []any{dicom.StudyTime, "noon"}},
		"no number":               {o: store.QueryOptions{Relational: true}, level: "SERIES", keys: []any{dicom.SeriesNumber, "one"}},
		"no zone":                 {o: store.QueryOptions{Timezone: true}, level: "STUDY", keys: []any{dicom.TimezoneOffsetFromUTC, "CET"}},
		"thousands of key values": {level: "STUDY", keys: []any{dicom.StudyInstanceUID, strings.Repeat(`1.2\`, 10_001) + "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := find(t, s, c.o, dicom.StudyID, c.level, c.keys...)
			wantCode(t, err, radnode.Invalid)
		})
	}
}

func TestMatchesEndAtTheLimitAndUnsupportedKeysAreTold(t *testing.T) {
	s := archive(t)
	d := dicom.NewDataset()
	d.SetText(dicom.QueryRetrieveLevel, "STUDY")
	d.SetText(dicom.PatientID, "")
	d.SetText(dicom.SeriesDescription, "")
	q, err := store.NewQuery(d, store.QueryOptions{RetrieveAE: "RADNODE"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(q.Unsupported(), []dicom.Tag{dicom.SeriesDescription}) {
		t.Errorf("unsupported: %v", q.Unsupported())
	}
	n := 0
	err = s.Find(context.Background(), q, 3, func(m *dicom.Dataset) error {
		n++
		if m.Text(dicom.RetrieveAETitle) != "RADNODE" || m.Text(dicom.QueryRetrieveLevel) != "STUDY" {
			t.Errorf("match without retrieve AE title or level: %v", m.Elements())
		}
		return nil
	})
	if !errors.Is(err, store.ErrMoreMatches) || n != 3 {
		t.Errorf("%d matches, %v", n, err)
	}
}

// fill writes the rows of n studies as the benchmark of the project names
// them, without files.
func fill(tb testing.TB, s *store.Store, n int) {
	tb.Helper()
	for begin := 0; begin < n; begin += 500 {
		if err := s.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			for k := begin; k < min(n, begin+500); k++ {
				study := radnode.UID(fmt.Sprintf("1.2.826.0.1.3680043.9.7777.100000.9.1%07d", k))
				r := store.Record{
					Instance: radnode.Instance{SOPInstanceUID: study + ".1.1", SOPClassUID: "1.2.840.10008.5.1.4.1.1.1", SeriesInstanceUID: study + ".1",
						StudyInstanceUID: study, TransferSyntaxUID: "1.2.840.10008.1.2.1", ReceivedAt: time.Now()},
					Study: store.StudyHeader{PatientName: fmt.Sprintf("NAME%07d^X", k), PatientID: fmt.Sprintf("PID%07d", k),
						Date: fmt.Sprintf("2020%02d%02d", k%336/28+1, k%28+1), Time: "120000", AccessionNumber: fmt.Sprintf("ACC%07d", k)},
					Series: store.SeriesHeader{Modality: "CT"}, Origin: store.Received, Status: store.Waiting, File: fmt.Sprint(k),
				}
				if _, _, err := tx.Add(ctx, &r); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestPagesNeitherSkipNorRepeatAMatch(t *testing.T) {
	s := mustOpen(t, store.Options{})
	const n = 9000
	fill(t, s, n)
	for name, keys := range map[string][]any{
		"all": nil, "by an index": {dicom.PatientName, "name*"}, "by a range": {dicom.StudyDate, "2020-"[:0] + "20200101-20201231"},
	} {
		got, err := findAll(s, keys...)
		if err != nil || got != n {
			t.Errorf("%s: %d different matches, %v", name, got, err)
		}
	}
}

func findAll(s *store.Store, keys ...any) (int, error) {
	d := item(keys...)
	d.SetText(dicom.QueryRetrieveLevel, "STUDY")
	d.SetText(dicom.StudyInstanceUID)
	q, err := store.NewQuery(d, store.QueryOptions{})
	if err != nil {
		return 0, err
	}
	seen := map[radnode.UID]bool{}
	err = s.Find(context.Background(), q, 1<<20, func(m *dicom.Dataset) error {
		seen[m.UID(dicom.StudyInstanceUID)] = true
		return nil
	})
	return len(seen), err
}

func BenchmarkFind(b *testing.B) {
	s := mustOpen(b, store.Options{})
	fill(b, s, 10_000)
	for name, keys := range map[string][]any{
		"patient ID": {dicom.PatientID, "PID0004711"}, "name": {dicom.PatientName, "NAME00047*"}, "date": {dicom.StudyDate, "20200501"}, "all": nil,
	} {
		b.Run(name, func(b *testing.B) {
			d := item(keys...)
			for _, t := range []dicom.Tag{dicom.StudyDate, dicom.StudyTime, dicom.AccessionNumber, dicom.StudyDescription, dicom.PatientName,
				dicom.PatientID, dicom.StudyInstanceUID, dicom.StudyID} {
				if !d.Has(t) {
					d.SetText(t)
				}
			}
			d.SetText(dicom.QueryRetrieveLevel, "STUDY")
			var out bytes.Buffer
			n := 0
			for b.Loop() {
				q, err := store.NewQuery(d, store.QueryOptions{RetrieveAE: "RADNODE"})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Find(context.Background(), q, 1<<20, func(m *dicom.Dataset) error {
					n++
					out.Reset()
					return dicom.Write(&out, m, "1.2.840.10008.1.2")
				}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/float64(b.N), "matches/op")
		})
	}
}
