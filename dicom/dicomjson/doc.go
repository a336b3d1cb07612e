// Package dicomjson is the DICOM JSON model (PS3.18 Annex F), both ways.
//
// Text is UTF-8 whatever the character set of the data set; numbers of the VRs
// DS and IS keep their digits; values too long for the text become references
// to bulk data that the caller names.
package dicomjson
