// Package store keeps what the node has accepted: SOP instances as Part 10
// files (PS3.10 section 7) in folders on the local disk, and an index of
// studies, series, instances, results, reports and deliveries in SQLite.
//
// # The promise
//
// A file is written under a temporary name, synced, renamed, and its folder
// synced; then one transaction writes the rows. A row therefore never names a
// file that a power failure can take away, and the row is the commit point: a
// file without a row was never acknowledged. The sweep at the next start
// deletes temporary files and moves complete files without a row to
// quarantine; it never touches a file that has a row.
//
// # Group commit
//
// SQLite has one writer. Write hands a function to the writer, which runs
// whatever has queued up in one transaction with one sync (each function
// inside its own savepoint, so that one failure leaves the others alone) and
// answers all of them after the commit. Readers use a pool of their own and
// see the last commit (WAL).
//
// # SQL
//
// The text runs on SQLite and PostgreSQL alike: $1 placeholders, TEXT keys,
// BIGINT microseconds since 1970 UTC for times, INTEGER 0/1 for truth, JSON in
// TEXT columns.
package store
