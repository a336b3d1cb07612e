// Package webtest tells a story to the HTTP server: a node in memory with
// fixed synthetic studies in every state, so that each page can be tested and
// looked at without DICOM, models or a database.
package webtest
