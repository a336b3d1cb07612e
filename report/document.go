package report

import (
	"cmp"
	"fmt"
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
	ds.SetText(dicom.DocumentTitle, b.mark("AI report"))
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

// pdf writes the pages.
func (b *builder) pdf(pictures []Picture) ([]byte, error) {
	p := newPDF()
	p.text(bold, 16, "Imaging report 影像报告")
	if b.Observer == nil {
		p.text(bold, 12, "AI, NOT VERIFIED - needs review by a physician 人工智能结果，未经医生确认")
	}
	p.space(6)
	for _, l := range b.patientLines() {
		p.text(latin, 10, l)
	}
	p.space(8)
	p.text(bold, 12, "Findings 所见")
	for _, l := range b.findingLines() {
		p.text(latin, 10, "- "+l)
	}
	for _, e := range b.evaluations() {
		if sr.Is(e.Name, sr.Impression) {
			p.space(8)
			p.text(bold, 12, "Impression 印象")
			p.text(latin, 10, e.Text)
		}
	}
	if list := NotAnalysed(b.Analyses); len(list) > 0 {
		p.space(8)
		p.text(bold, 12, "Not analysed 未分析")
		for _, l := range list {
			p.text(latin, 10, "- "+l)
		}
	}
	p.space(8)
	for _, l := range b.signatureLines() {
		p.text(latin, 9, l)
	}
	p.space(8)
	for _, pic := range pictures {
		if err := b.checkPicture(pic); err != nil {
			return nil, err
		}
		if err := p.image(b.drawing(pic)); err != nil {
			return nil, err
		}
	}
	return p.bytes("Imaging report")
}

func (b *builder) patientLines() []string {
	s := b.Source[0]
	return []string{
		"Patient 患者: " + s.PersonName(dicom.PatientName).Display(),
		fmt.Sprintf("ID 编号: %s    Born 出生: %s    Sex 性别: %s", s.Text(dicom.PatientID), s.Text(dicom.PatientBirthDate), s.Text(dicom.PatientSex)),
		fmt.Sprintf("Study 检查: %s %s    Accession 检查号: %s", s.Text(dicom.StudyDate), s.Text(dicom.StudyDescription), s.Text(dicom.AccessionNumber)),
	}
}

// chinesePresence are the words of the bilingual lines.
var chinesePresence = map[string]string{sr.Yes.Value: "检出", sr.No.Value: "未检出", sr.Undetermined.Value: "未确定"}

func (b *builder) findingLines() []string {
	var out []string
	for _, f := range b.findings {
		if f.Stated().Code == nil || f.Decision == radnode.Rejected {
			continue
		}
		out = append(out, fmt.Sprintf("%s (%s)", b.sentence(f), chinesePresence[presence(f).Value]))
	}
	if out == nil {
		out = append(out, "No finding was reported. 未报告异常所见。")
	}
	return out
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
