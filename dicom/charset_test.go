package dicom_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode/dicom"
)

// TestTextIsDecodedByItsCharacterSet holds the examples of PS3.5 Annexes H, I,
// J and K, and what real objects get wrong.
func TestTextIsDecodedByItsCharacterSet(t *testing.T) {
	tests := []struct {
		name    string
		charset []string
		value   string
		want    []string
	}{
		{"H.3.1", []string{"", "ISO 2022 IR 87"}, "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", []string{"Yamada^Tarou=山田^太郎=やまだ^たろう"}},
		{"H.3.2", []string{"ISO 2022 IR 13", "ISO 2022 IR 87"}, "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J", []string{"ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"}},
		{"I.2", []string{"", "ISO 2022 IR 149"}, "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf", []string{"Hong^Gildong=洪^吉洞=홍^길동"}},
		{"J.3", []string{"GB18030"}, "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", []string{"Wang^XiaoDong=王^小东="}},
		{"K.2", []string{"", "ISO 2022 IR 58"}, "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", []string{"Zhang^XiaoDong=张^小东="}},
		{"two values in Latin-1", []string{"ISO_IR 100"}, `Buc^J` + "\xe9r\xf4me" + `\` + "\xc4neas", []string{"Buc^Jérôme", "Äneas"}},
		{"the initial set comes back after a delimiter", []string{"ISO 2022 IR 100", "ISO 2022 IR 144"}, "\x1b-L\xbb\xee\\\xe9", []string{"Лю", "é"}},
		{"a backslash within a character of GB18030 is none", []string{"GB18030"}, "\x81\x5c", []string{"乗"}},
		{"Thai", []string{"ISO_IR 166"}, "\xb9\xd2\xc2", []string{"นาย"}},
		{"a misspelt term", []string{"ISO IR 100"}, "\xe9", []string{"é"}},
		{"UTF-8 that is not declared", nil, "山田", []string{"山田"}},
		{"UTF-8 declared as ASCII", []string{"ISO_IR 6"}, "山田", []string{"山田"}},
		{"UTF-8 declared as Latin-1", []string{"ISO_IR 100"}, "Müller", []string{"Müller"}},
		{"Latin-1 declared as ASCII", []string{"ISO_IR 6"}, "J\xe9r", []string{"Jér"}},
		{"Latin-1 that is not declared", nil, "J\xe9r", []string{"Jér"}},
		{"Latin-1 declared as UTF-8", []string{"ISO_IR 192"}, "J\xe9r", []string{"Jér"}},
		{"an escape sequence that is not declared", []string{"ISO 2022 IR 6"}, "\x1b$B;3ED\x1b(B", []string{"山田"}},
		{"padding", []string{"ISO_IR 100"}, " A ^B  ", []string{"A ^B"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := dicom.NewDataset()
			if tt.charset == nil {
				tt.charset = []string{""}
			}
			d.SetText(dicom.SpecificCharacterSet, tt.charset...)
			d.SetBytes(dicom.PatientName, dicom.PN, []byte(tt.value))
			if diff := cmp.Diff(tt.want, d.Texts(dicom.PatientName)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			d.ToUTF8()
			if diff := cmp.Diff(tt.want, d.Texts(dicom.PatientName)); diff != "" {
				t.Errorf("in UTF-8 (-want +got)\n%s", diff)
			}
		})
	}
}

func TestPersonNames(t *testing.T) {
	tests := []struct{ value, display, again string }{
		{"Adams^John Robert Quincy^^Rev.^B.A. M.Div.", "Rev. John Robert Quincy Adams, B.A. M.Div.", ""},
		{"Wang^XiaoDong=王^小東=", "XiaoDong Wang (王 小東)", "Wang^XiaoDong=王^小東"},
		{"=王^小東", "王 小東", ""},
		{"Smith", "Smith", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		p := dicom.ParsePersonName(tt.value)
		if got := p.Display(); got != tt.display {
			t.Errorf("%q: got %q, want %q", tt.value, got, tt.display)
		}
		want := tt.again
		if want == "" {
			want = tt.value
		}
		if got := p.String(); got != want {
			t.Errorf("%q: got %q, want %q", tt.value, got, want)
		}
	}
}

func TestValueProblems(t *testing.T) {
	tests := []struct {
		vr   dicom.VR
		v    string
		good bool
	}{
		{dicom.DA, "20260229", false}, {dicom.DA, "20240229", true}, {dicom.DA, "2024.02.29", false}, {dicom.DA, "00010101", false},
		{dicom.TM, "235960.123456", true}, {dicom.TM, "10", true}, {dicom.TM, "10:15", false}, {dicom.TM, "1015.5", false},
		{dicom.DT, "20260304102030.123456+0800", true}, {dicom.DT, "2026", true}, {dicom.DT, "2026030410", true}, {dicom.DT, "20261", false},
		{dicom.AS, "045Y", true}, {dicom.AS, "45Y", false}, {dicom.CS, "chest", false}, {dicom.CS, "CHEST_AP 1", true},
		{dicom.UI, "1.02", false}, {dicom.UI, "1.2", true}, {dicom.SH, "12345678901234567", false}, {dicom.PN, "A^B^C^D^E^F", false},
		{dicom.DS, "-1.5E+3", true}, {dicom.DS, "1,5", false}, {dicom.LO, "a\nb", false}, {dicom.LT, "a\nb", true},
	}
	for _, tt := range tests {
		if got := dicom.ValueProblem(tt.vr, tt.v); (got == "") != tt.good {
			t.Errorf("%s %q: got %q", tt.vr, tt.v, got)
		}
	}
}
