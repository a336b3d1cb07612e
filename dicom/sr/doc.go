// Package sr holds structured reports: the content tree (PS3.3 C.17.3), the
// document around it (PS3.3 A.35, C.17.1, C.17.2), and the templates of PS3.16
// as types: a template's rows are the fields of its type, its constructor or
// Content method refuses what the template does not allow, and the same types
// are read back from documents that were received.
//
// Check is an own checker for the rules of the document and of TID 1500 that
// runs before a document leaves.
package sr
