// Package store keeps what the node has accepted: SOP instances as Part 10
// files (PS3.10 section 7) in folders on the local disk, and an index of
// studies, series, instances, results, reports and deliveries in SQLite.
//
// # The promise
//
// The bytes of an object go to a file of its own and are made durable there,
// or, where they are few, in the journal, which many share; the transaction
// that writes the rows commits after that. A row therefore never names a file
// that a power failure can take away for good: what the journal holds of it is
// written again at the next start. The row is the commit point: a file without
// a row was never acknowledged. The sweep at the next start deletes files whose
// writing was cut off and moves whole files without a row to quarantine; it
// never touches a file that has a row.
//
// # Group commit
//
// SQLite has one writer. The first Write that comes commits for itself and for
// all that came before it began; those that come meanwhile queue up and share
// the next transaction and its sync. One that fails has the others run again
// without it. Readers use a pool of their own and see the last commit (WAL).
//
// # SQL
//
// The text runs on SQLite and PostgreSQL alike: $1 placeholders, TEXT keys,
// BIGINT microseconds since 1970 UTC for times, INTEGER 0/1 for truth, JSON in
// TEXT columns.
package store
