// Package dimse implements the DICOM message service element (PS3.7) and the
// service classes that travel on it (PS3.4): verification, storage, query and
// retrieve, storage commitment, modality worklist and performed procedure
// step, as provider (Server) and as user (Client).
//
// What happens with a request is the business of handlers, each a small
// interface. Data sets of C-STORE stream from the socket to the handler;
// identifiers of the other services are small, bounded and parsed.
package dimse
