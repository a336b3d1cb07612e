package report

import (
	"cmp"
	"fmt"
	"image"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// EncapsulatedPDF makes the report as a PDF document (PS3.3 A.45.1): the same
// findings as SR in English and Chinese words, and the pictures.
func EncapsulatedPDF(in Input, pictures ...Picture) (*dicom.Dataset, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	document, err := b.pdf(pictures)
	if err != nil {
		return nil, err
	}
	ds := b.companion(dicom.EncapsulatedPDFStorage, "DOC", "AI report, PDF")
	ds.SetText(dicom.ConversionType, "WSD")
	ds.SetText(dicom.AcquisitionDateTime)
	ds.SetText(dicom.BurnedInAnnotation, "YES")
	ds.SetText(dicom.DocumentTitle, b.mark("AI-assisted report"))
	sr.SetConcept(ds, dicom.ConceptNameCodeSequence, sr.DiagnosticImagingReport)
	ds.SetText(dicom.VerificationFlag, "UNVERIFIED")
	if b.Observer != nil {
		ds.SetText(dicom.VerificationFlag, "VERIFIED")
	}
	var sources []*dicom.Dataset
	for _, s := range b.Source {
		sources = append(sources, sourceImage(b.reference(s.UID(dicom.SOPInstanceUID), 0)))
	}
	ds.SetItems(dicom.SourceInstanceSequence, sources...)
	ds.SetText(dicom.MIMETypeOfEncapsulatedDocument, "application/pdf")
	ds.SetInts(dicom.EncapsulatedDocumentLength, len(document))
	ds.SetBytes(dicom.EncapsulatedDocument, dicom.OB, document)
	return ds, nil
}

// pdf writes the document, on one page unless there is too much to tell.
func (b *builder) pdf(pictures []Picture) ([]byte, error) {
	text, err := newPen()
	if err != nil {
		return nil, err
	}
	var images []image.Image
	for _, pic := range pictures {
		if err := b.checkPicture(pic); err != nil {
			return nil, err
		}
		img, err := b.drawing(pic)
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	title := "Imaging report"
	if b.Observer == nil {
		title = b.mark(title)
	}
	if id := text.readable(b.Source[0].Text(dicom.PatientID)); id != "" {
		title += ", patient " + id
	}
	return writePDF(text, title, paginate(text, b.paragraphs(), images))
}

// paragraphs is the text of the document, from top to bottom.
func (b *builder) paragraphs() []line {
	out := []line{{text: "Imaging report 影像报告", size: 15, bold: true}}
	if b.Observer == nil {
		out = append(out, line{text: "AI, NOT VERIFIED - needs review by a physician 人工智能结果，未经医生确认", size: 12, bold: true})
	}
	section := func(heading string, size float64, lines ...string) {
		if len(lines) > 0 && heading != "" {
			out = append(out, line{text: heading, size: 11, bold: true, gap: 7})
		}
		for i, l := range lines {
			p := line{text: l, size: size}
			if i == 0 && heading == "" {
				p.gap = 7
			}
			out = append(out, p)
		}
	}
	section("", 10, b.patientLines()...)
	section("Findings 所见", 9.5, b.findingLines()...)
	for _, e := range b.evaluations() {
		switch {
		case sr.Is(e.Name, sr.FindingName):
			section("Findings of the reader 医师所见", 9.5, e.Text)
		case sr.Is(e.Name, sr.Impression):
			section("Impression 印象", 9.5, e.Text)
		}
	}
	section("Not analysed 未分析", 9, NotAnalysed(b.Analyses)...)
	section("", 8.5, b.signatureLines()...)
	return out
}

func (b *builder) patientLines() []string {
	s := b.Source[0]
	told := func(t dicom.Tag) string { return cmp.Or(strings.TrimSpace(s.Text(t)), "not stated 未提供") }
	return []string{
		"Patient 患者: " + cmp.Or(s.PersonName(dicom.PatientName).Display(), "not stated 未提供"),
		fmt.Sprintf("ID 编号: %s    Born 出生: %s    Sex 性别: %s", told(dicom.PatientID), told(dicom.PatientBirthDate), told(dicom.PatientSex)),
		fmt.Sprintf("Study 检查: %s %s    Accession 检查号: %s", told(dicom.StudyDate), s.Text(dicom.StudyDescription), told(dicom.AccessionNumber)),
	}
}

// chinesePresence are the words of the bilingual lines.
var chinesePresence = map[string]string{sr.Yes.Value: "检出", sr.No.Value: "未检出", sr.Undetermined.Value: "未确定"}

// findingLines tells each finding in English and in Chinese.
func (b *builder) findingLines() []string {
	var out []string
	for _, f := range b.findings {
		if f.Stated().Code == nil || f.Decision == radnode.Rejected {
			continue
		}
		out = append(out, "- "+b.sentence(f), "  "+b.chineseSentence(f))
	}
	for _, m := range b.measurements() {
		out = append(out, "- "+b.measurementSentence(m), "  "+b.chineseMeasurement(m))
	}
	if out == nil {
		out = append(out, "No finding was reported. 未报告异常所见。")
	}
	return out
}

// chineseSentence tells a finding in one Chinese sentence.
func (b *builder) chineseSentence(f radnode.ReportFinding) string {
	stated := f.Stated()
	name := languages["zh"].name(stated)
	if f.Reading != nil {
		s := name + "：医师陈述"
		if m := f.Reading.Measurement; m != nil {
			s += "，" + languages["zh"].measured(*m)
		}
		return s + "。"
	}
	s := fmt.Sprintf("%s：%s，存在概率 %.1f %%（%s %s）", name, chinesePresence[presence(f).Value], percent(f.Finding.Probability), f.Model.ID, f.Model.Version)
	if f.Finding.IsNumber() {
		s = fmt.Sprintf("%s：%s（%s %s）", name, languages["zh"].amount(*f.Finding.Measurement), f.Model.ID, f.Model.Version)
	}
	switch {
	case f.Decision == radnode.Accepted:
		s += "，医师已接受"
	case f.Decision == radnode.Rejected:
		s += "，医师已否定"
	case b.Observer != nil:
		s += "，医师未作判定"
	}
	return s + "。"
}

// chineseMeasurement tells a measurement of the program in one Chinese sentence.
func (b *builder) chineseMeasurement(m measurement) string {
	mark := "未经医生确认"
	if b.Observer != nil {
		mark = "医师未作判定"
	}
	return fmt.Sprintf("%s（%s %s），%s。", languages["zh"].measured(m.stated()), m.by, m.version, mark)
}

func (b *builder) signatureLines() []string {
	var models []string
	for _, m := range b.models {
		models = append(models, m.ref.ID+" "+m.ref.Version)
	}
	out := []string{"Algorithms 算法: " + cmp.Or(strings.Join(models, ", "), "none") + "; radnode " + b.Software}
	at := b.Now.Format("2006-01-02 15:04:05 -0700")
	if b.Observer == nil {
		return append(out, "Written 生成: "+at)
	}
	for _, v := range b.verifications() {
		out = append(out, fmt.Sprintf("Verified 审核: %s, %s, %s", dicom.ParsePersonName(v.Name).Display(), v.Organization, v.At.Format("2006-01-02 15:04:05 -0700")))
	}
	return out
}
