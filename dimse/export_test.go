package dimse

import (
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse/ul"
)

// EncodeCommand encodes a command set.
func EncodeCommand(c *Command) []byte {
	var w commandWriter
	w.command(c)
	return w.b
}

// ParseCommand decodes a command set.
func ParseCommand(b []byte) (*Command, error) { return parseCommand(b, Verification) }

// Statuses walks the table of statuses.
func Statuses(each func(first, last Status, class Class, text string)) {
	for _, r := range statuses {
		each(r.first, r.last, r.class, r.text)
	}
}

// CodeStatuses walks the edge table of error codes.
func CodeStatuses(each func(code radnode.Code, statuses [4]Status)) {
	for code, row := range codeStatus {
		each(code, row)
	}
}

// Comment fits a text into an error comment.
func Comment(s string) string { return comment(s) }

// AnswerOf returns the user information of the peer's answer.
func AnswerOf(c *Client) *ul.UserInformation { return c.assoc.Peer() }
