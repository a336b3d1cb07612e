package dimse

import (
	"encoding/binary"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Field is the command field that names a message (PS3.7 E.1).
type Field uint16

// The messages of PS3.7 Table E.1-1.
const (
	CStoreRQ        Field = 0x0001
	CStoreRSP       Field = 0x8001
	CGetRQ          Field = 0x0010
	CGetRSP         Field = 0x8010
	CFindRQ         Field = 0x0020
	CFindRSP        Field = 0x8020
	CMoveRQ         Field = 0x0021
	CMoveRSP        Field = 0x8021
	CEchoRQ         Field = 0x0030
	CEchoRSP        Field = 0x8030
	NEventReportRQ  Field = 0x0100
	NEventReportRSP Field = 0x8100
	NGetRQ          Field = 0x0110
	NGetRSP         Field = 0x8110
	NSetRQ          Field = 0x0120
	NSetRSP         Field = 0x8120
	NActionRQ       Field = 0x0130
	NActionRSP      Field = 0x8130
	NCreateRQ       Field = 0x0140
	NCreateRSP      Field = 0x8140
	NDeleteRQ       Field = 0x0150
	NDeleteRSP      Field = 0x8150
	CCancelRQ       Field = 0x0FFF
)

// response is the bit that tells responses from requests.
const response Field = 0x8000

// IsResponse reports whether f is a response.
func (f Field) IsResponse() bool { return f&response != 0 }

// Response returns the response that belongs to a request.
func (f Field) Response() Field { return f | response }

var fieldNames = map[Field]string{
	CStoreRQ: "C-STORE", CGetRQ: "C-GET", CFindRQ: "C-FIND", CMoveRQ: "C-MOVE", CEchoRQ: "C-ECHO",
	NEventReportRQ: "N-EVENT-REPORT", NGetRQ: "N-GET", NSetRQ: "N-SET", NActionRQ: "N-ACTION",
	NCreateRQ: "N-CREATE", NDeleteRQ: "N-DELETE", CCancelRQ: "C-CANCEL",
}

func (f Field) String() string {
	name, ok := fieldNames[f&^response]
	switch {
	case !ok:
		return "unknown command"
	case f.IsResponse():
		return name + "-RSP"
	}
	return name + "-RQ"
}

// Priority of a request (PS3.7 E.1). It is a wish that few peers heed.
type Priority uint16

// The priorities.
const (
	Medium Priority = 0
	High   Priority = 1
	Low    Priority = 2
)

// SubOperations counts the C-STORE sub-operations of a C-MOVE or C-GET.
type SubOperations struct {
	Remaining uint16
	Completed uint16
	Failed    uint16
	Warning   uint16
}

// Command is a command set (PS3.7 6.3.1 and Annex E). A zero field is absent
// unless the message requires it.
type Command struct {
	Field                     Field
	MessageID                 uint16
	MessageIDBeingRespondedTo uint16
	AffectedSOPClassUID       radnode.UID
	RequestedSOPClassUID      radnode.UID
	AffectedSOPInstanceUID    radnode.UID
	RequestedSOPInstanceUID   radnode.UID
	HasDataSet                bool
	Status                    Status
	Priority                  Priority
	MoveDestination           string
	MoveOriginatorAE          string
	MoveOriginatorMessageID   uint16
	SubOperations             *SubOperations
	ErrorComment              string
	ErrorID                   uint16
	OffendingElements         []dicom.Tag
	AttributeIdentifiers      []dicom.Tag
	EventTypeID               uint16
	ActionTypeID              uint16
}

// Command data set types (PS3.7 E.1): anything but noDataSet means that a data
// set follows; old peers expect 0102H for an identifier.
const (
	noDataSet      = 0x0101
	dataSetFollows = 0x0102
)

// maxCommand limits a command set on receipt. The longest legal ones list the
// attributes of an N-GET.
const maxCommand = 64 << 10

// element is one row of the table of command elements: where in Command it
// lives and how it is written.
type element struct {
	number uint16 // in group 0000
	write  func(w *commandWriter, c *Command)
	read   func(c *Command, v value)
}

// elements is PS3.7 Table E.1-1 in ascending order, without the group length
// and the retired ones, which are ignored on receipt.
var elements = [...]element{
	{0x0002, func(w *commandWriter, c *Command) { w.uid(c.AffectedSOPClassUID) }, func(c *Command, v value) { c.AffectedSOPClassUID = v.uid(c.AffectedSOPClassUID) }},
	{0x0003, func(w *commandWriter, c *Command) { w.uid(c.RequestedSOPClassUID) }, func(c *Command, v value) { c.RequestedSOPClassUID = v.uid("") }},
	{0x0100, func(w *commandWriter, c *Command) { w.us(uint16(c.Field), true) }, func(c *Command, v value) { c.Field = Field(v.us()) }},
	{0x0110, func(w *commandWriter, c *Command) { w.us(c.MessageID, !c.Field.IsResponse() && c.Field != CCancelRQ) }, func(c *Command, v value) { c.MessageID = v.us() }},
	{0x0120, func(w *commandWriter, c *Command) {
		w.us(c.MessageIDBeingRespondedTo, c.Field.IsResponse() || c.Field == CCancelRQ)
	}, func(c *Command, v value) { c.MessageIDBeingRespondedTo = v.us() }},
	{0x0600, func(w *commandWriter, c *Command) { w.text(c.MoveDestination) }, func(c *Command, v value) { c.MoveDestination = v.text() }},
	{0x0700, func(w *commandWriter, c *Command) { w.us(uint16(c.Priority), prioritised[c.Field]) }, func(c *Command, v value) { c.Priority = Priority(v.us()) }},
	{0x0800, func(w *commandWriter, c *Command) { w.us(c.dataSetType(), true) }, func(c *Command, v value) { c.HasDataSet = v.us() != noDataSet }},
	{0x0900, func(w *commandWriter, c *Command) { w.us(uint16(c.Status), c.Field.IsResponse()) }, func(c *Command, v value) { c.Status = Status(v.us()) }},
	{0x0901, func(w *commandWriter, c *Command) { w.tags(c.OffendingElements) }, func(c *Command, v value) { c.OffendingElements = v.tags() }},
	{0x0902, func(w *commandWriter, c *Command) { w.text(c.ErrorComment) }, func(c *Command, v value) { c.ErrorComment = v.text() }},
	{0x0903, func(w *commandWriter, c *Command) { w.us(c.ErrorID, false) }, func(c *Command, v value) { c.ErrorID = v.us() }},
	{0x1000, func(w *commandWriter, c *Command) { w.uid(c.AffectedSOPInstanceUID) }, func(c *Command, v value) { c.AffectedSOPInstanceUID = v.uid("") }},
	{0x1001, func(w *commandWriter, c *Command) { w.uid(c.RequestedSOPInstanceUID) }, func(c *Command, v value) { c.RequestedSOPInstanceUID = v.uid("") }},
	{0x1002, func(w *commandWriter, c *Command) { w.us(c.EventTypeID, c.Field == NEventReportRQ) }, func(c *Command, v value) { c.EventTypeID = v.us() }},
	{0x1005, func(w *commandWriter, c *Command) { w.tags(c.AttributeIdentifiers) }, func(c *Command, v value) { c.AttributeIdentifiers = v.tags() }},
	{0x1008, func(w *commandWriter, c *Command) { w.us(c.ActionTypeID, c.Field == NActionRQ) }, func(c *Command, v value) { c.ActionTypeID = v.us() }},
	{0x1020, func(w *commandWriter, c *Command) {
		// PS3.7 9.1.4.1.7: remaining only while some remain.
		n := c.SubOperations
		w.us(n.orZero().Remaining, n != nil && (c.Status.Pending() || c.Status == StatusCancel))
	}, func(c *Command, v value) { c.subOperations().Remaining = v.us() }},
	{0x1021, func(w *commandWriter, c *Command) { w.us(c.SubOperations.orZero().Completed, c.SubOperations != nil) }, func(c *Command, v value) { c.subOperations().Completed = v.us() }},
	{0x1022, func(w *commandWriter, c *Command) { w.us(c.SubOperations.orZero().Failed, c.SubOperations != nil) }, func(c *Command, v value) { c.subOperations().Failed = v.us() }},
	{0x1023, func(w *commandWriter, c *Command) { w.us(c.SubOperations.orZero().Warning, c.SubOperations != nil) }, func(c *Command, v value) { c.subOperations().Warning = v.us() }},
	{0x1030, func(w *commandWriter, c *Command) { w.text(c.MoveOriginatorAE) }, func(c *Command, v value) { c.MoveOriginatorAE = v.text() }},
	{0x1031, func(w *commandWriter, c *Command) { w.us(c.MoveOriginatorMessageID, c.MoveOriginatorAE != "") }, func(c *Command, v value) { c.MoveOriginatorMessageID = v.us() }},
}

// prioritised are the requests that carry a priority.
var prioritised = map[Field]bool{CStoreRQ: true, CFindRQ: true, CMoveRQ: true, CGetRQ: true}

func (n *SubOperations) orZero() SubOperations {
	if n == nil {
		return SubOperations{}
	}
	return *n
}

func (c *Command) subOperations() *SubOperations {
	if c.SubOperations == nil {
		c.SubOperations = &SubOperations{}
	}
	return c.SubOperations
}

func (c *Command) dataSetType() uint16 {
	if c.HasDataSet {
		return dataSetFollows
	}
	return noDataSet
}

// commandWriter appends elements in implicit VR little endian, the only
// encoding of command sets (PS3.7 6.3.1).
type commandWriter struct {
	b      []byte
	number uint16
}

func (w *commandWriter) header(length int) {
	w.b = append(w.b, 0, 0)
	w.b = binary.LittleEndian.AppendUint16(w.b, w.number)
	w.b = binary.LittleEndian.AppendUint32(w.b, uint32(length))
}

// us appends a number that is not zero or that the message requires.
func (w *commandWriter) us(n uint16, required bool) {
	if n != 0 || required {
		w.header(2)
		w.b = binary.LittleEndian.AppendUint16(w.b, n)
	}
}

func (w *commandWriter) uid(u radnode.UID) {
	if u != "" {
		w.padded(string(u), 0)
	}
}

func (w *commandWriter) text(s string) {
	if s != "" {
		w.padded(s, ' ')
	}
}

func (w *commandWriter) padded(s string, pad byte) {
	w.header(len(s) + len(s)%2)
	w.b = append(w.b, s...)
	if len(s)%2 == 1 {
		w.b = append(w.b, pad)
	}
}

func (w *commandWriter) tags(tags []dicom.Tag) {
	if len(tags) == 0 {
		return
	}
	w.header(4 * len(tags))
	for _, t := range tags {
		w.b = binary.LittleEndian.AppendUint16(w.b, t.Group())
		w.b = binary.LittleEndian.AppendUint16(w.b, t.Element())
	}
}

// command appends the encoding of c.
func (w *commandWriter) command(c *Command) {
	const groupLength = 12
	start := len(w.b)
	w.number = 0
	w.header(4)
	w.b = append(w.b, 0, 0, 0, 0)
	for i := range elements {
		w.number = elements[i].number
		elements[i].write(w, c)
	}
	binary.LittleEndian.PutUint32(w.b[start+8:], uint32(len(w.b)-start-groupLength))
}

// value is the value of one command element on receipt.
type value []byte

func (v value) us() uint16 {
	if len(v) < 2 {
		return 0
	}
	return binary.LittleEndian.Uint16(v)
}

func (v value) text() string { return strings.Trim(string(v), " \x00") }

// uid returns known if v spells the same, which spares the usual allocation.
func (v value) uid(known radnode.UID) radnode.UID {
	n := len(v)
	for n > 0 && (v[n-1] == 0 || v[n-1] == ' ') {
		n--
	}
	if string(v[:n]) == string(known) {
		return known
	}
	return radnode.UID(strings.Trim(string(v[:n]), " \x00"))
}

func (v value) tags() []dicom.Tag {
	var tags []dicom.Tag
	for ; len(v) >= 4; v = v[4:] {
		tags = append(tags, dicom.Tag(binary.LittleEndian.Uint16(v))<<16|dicom.Tag(binary.LittleEndian.Uint16(v[2:])))
	}
	return tags
}

// parseCommand decodes a command set. abstractSyntax is what the affected SOP
// class usually is.
func parseCommand(b []byte, abstractSyntax radnode.UID) (*Command, error) {
	c := &Command{AffectedSOPClassUID: abstractSyntax}
	const op = "read command"
	next, class := 0, false
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, radnode.Errorf(radnode.Invalid, op, "%d bytes are left over in the command set", len(b))
		}
		group, number := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
		length := binary.LittleEndian.Uint32(b[4:])
		if group != 0 {
			return nil, radnode.Errorf(radnode.Invalid, op, "group %04X in the command set", group)
		}
		if uint64(length) > uint64(len(b)-8) {
			return nil, radnode.Errorf(radnode.Invalid, op, "command element %04X reaches beyond the command set", number)
		}
		v := value(b[8 : 8+length])
		b = b[8+length:]
		for next < len(elements) && elements[next].number < number {
			next++
		}
		if next < len(elements) && elements[next].number == number {
			elements[next].read(c, v)
			class = class || number == 0x0002
			next++
		}
	}
	if !class {
		c.AffectedSOPClassUID = ""
	}
	if c.Field == 0 {
		return nil, radnode.Errorf(radnode.Invalid, op, "command field (0000,0100) is missing")
	}
	return c, nil
}
