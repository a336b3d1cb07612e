// Package radnode holds the words of the product: identifiers, the study and
// its parts, findings, reports, users, and the error codes that each edge
// translates to its own protocol. It imports nothing of ours.
package radnode
