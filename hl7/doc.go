// Package hl7 writes and reads HL7 v2 messages (HL7 v2.5.1 chapter 2) and
// sends them over MLLP (HL7 v2 Transport, Minimal Lower Layer Protocol,
// Release 1).
package hl7
