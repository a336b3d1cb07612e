package ul

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// bodyLimits is the longest body of each PDU type that is read into memory.
// P-DATA-TF is not here: an association streams it and holds it against the
// maximum length it announced.
var bodyLimits = map[Type]uint32{
	// 128 contexts with 50 transfer syntaxes each and all user information fit.
	TypeAssociateRQ: 512 << 10,
	TypeAssociateAC: 512 << 10,
	TypeAssociateRJ: 4,
	TypeReleaseRQ:   4,
	TypeReleaseRP:   4,
	TypeAbort:       4,
}

// Parse decodes the body of one PDU. It reads tolerantly: items of unknown
// type and padding are skipped (PS3.8 9.3.1: items not recognised are ignored).
func Parse(kind Type, body []byte) (PDU, error) {
	switch kind {
	case TypeAssociateRQ:
		return parseAssociateRQ(body)
	case TypeAssociateAC:
		return parseAssociateAC(body)
	case TypePDataTF:
		return parsePData(body)
	case TypeAssociateRJ, TypeReleaseRQ, TypeReleaseRP, TypeAbort:
		if len(body) != 4 {
			return nil, invalidf("PDU of type %02XH has %d bytes instead of 4", byte(kind), len(body))
		}
		return parseShort(kind, body), nil
	}
	return nil, &ProtocolError{AbortUnrecognisedPDU, fmt.Sprintf("PDU type %02XH is not one of DICOM's", byte(kind))}
}

func parseShort(kind Type, body []byte) PDU {
	switch kind {
	case TypeAssociateRJ:
		return &Reject{Result: body[1], Source: body[2], Reason: body[3]}
	case TypeAbort:
		return &Abort{Source: body[2], Reason: body[3]}
	case TypeReleaseRQ:
		return &ReleaseRQ{}
	}
	return &ReleaseRP{}
}

// ReadPDU reads one whole PDU. maxPData limits P-DATA-TF; memory grows with
// the bytes that arrive, not with what a length field claims.
func ReadPDU(r io.Reader, maxPData uint32) (PDU, error) {
	var header [pduHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	kind, length := Type(header[0]), binary.BigEndian.Uint32(header[2:])
	limit, known := bodyLimits[kind]
	if kind == TypePDataTF {
		limit, known = maxPData, true
	}
	if !known {
		return Parse(kind, nil)
	}
	if length > limit {
		return nil, invalidf("PDU of type %02XH claims %d bytes; the limit is %d", byte(kind), length, limit)
	}
	var body bytes.Buffer
	if n, err := io.CopyN(&body, r, int64(length)); err != nil {
		return nil, fmt.Errorf("PDU ended after %d of %d bytes: %w", n, length, io.ErrUnexpectedEOF)
	}
	return Parse(kind, body.Bytes())
}

// associate holds what A-ASSOCIATE-RQ and -AC have in common.
type associate struct {
	version            uint16
	called, calling    string
	applicationContext string
	user               UserInformation
	hasUser            bool
}

// parse walks the variable items; context gets those of type contextItem.
func (a *associate) parse(body []byte, contextItem byte, context func([]byte) error) error {
	if len(body) < fixedAssoc {
		return invalidf("association PDU of %d bytes is shorter than its fixed part", len(body))
	}
	a.version = binary.BigEndian.Uint16(body)
	a.called = trim(string(body[4:20]))
	a.calling = trim(string(body[20:36]))
	items := cursor{b: body[fixedAssoc:]}
	for items.more() {
		kind, value, ok := items.item()
		if !ok {
			return invalidf("item of type %02XH reaches beyond the PDU", kind)
		}
		var err error
		switch kind {
		case 0x10:
			a.applicationContext = trim(string(value))
		case contextItem:
			err = context(value)
		case 0x50:
			a.hasUser = true
			err = a.user.parse(value)
		}
		if err != nil {
			return err
		}
	}
	if !a.hasUser {
		a.user.MaxLength = DefaultPDULength
		a.user.warn("user information is missing")
	}
	return nil
}

func parseAssociateRQ(body []byte) (*AssociateRQ, error) {
	var a associate
	var contexts []ContextRQ
	var seen [256]bool
	err := a.parse(body, 0x20, func(value []byte) error {
		c, err := parseContextRQ(value)
		if err != nil {
			return err
		}
		if c.ID%2 == 0 || seen[c.ID] {
			return invalidf("presentation context ID %d is even or used twice", c.ID)
		}
		seen[c.ID] = true
		contexts = append(contexts, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &AssociateRQ{a.version, a.called, a.calling, a.applicationContext, contexts, a.user}, nil
}

func parseContextRQ(value []byte) (ContextRQ, error) {
	if len(value) < 4 {
		return ContextRQ{}, invalidf("presentation context item of %d bytes is too short", len(value))
	}
	c := ContextRQ{ID: value[0]}
	items := cursor{b: value[4:]}
	for items.more() {
		kind, value, ok := items.item()
		if !ok {
			return c, invalidf("sub-item of presentation context %d reaches beyond it", c.ID)
		}
		switch kind {
		case 0x30:
			c.AbstractSyntax = trim(string(value))
		case 0x40:
			c.TransferSyntaxes = append(c.TransferSyntaxes, trim(string(value)))
		}
	}
	return c, nil
}

func parseAssociateAC(body []byte) (*AssociateAC, error) {
	var a associate
	var contexts []ContextAC
	err := a.parse(body, 0x21, func(value []byte) error {
		if len(contexts) == MaxContexts {
			return invalidf("more than %d presentation contexts", MaxContexts)
		}
		c, err := parseContextAC(value)
		contexts = append(contexts, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &AssociateAC{a.version, a.called, a.calling, a.applicationContext, contexts, a.user}, nil
}

func parseContextAC(value []byte) (ContextAC, error) {
	if len(value) < 4 {
		return ContextAC{}, invalidf("presentation context item of %d bytes is too short", len(value))
	}
	c := ContextAC{ID: value[0], Result: ContextResult(value[2])}
	items := cursor{b: value[4:]}
	for items.more() {
		kind, value, ok := items.item()
		if !ok {
			return c, invalidf("sub-item of presentation context %d reaches beyond it", c.ID)
		}
		if kind == 0x40 {
			c.TransferSyntax = trim(string(value))
		}
	}
	return c, nil
}

func parsePData(body []byte) (*PDataTF, error) {
	p := &PDataTF{}
	for len(body) > 0 {
		if len(body) < pdvHeader {
			return nil, invalidf("%d bytes are left over in a P-DATA-TF", len(body))
		}
		n := binary.BigEndian.Uint32(body)
		if n < 2 || uint64(n) > uint64(len(body)-4) {
			return nil, invalidf("presentation data value of %d bytes does not fit its PDU", n)
		}
		p.Values = append(p.Values, PDV{
			ContextID: body[4], Command: body[5]&1 != 0, Last: body[5]&2 != 0,
			Fragment: append([]byte(nil), body[pdvHeader:4+n]...),
		})
		body = body[4+n:]
	}
	if len(p.Values) == 0 {
		return nil, invalidf("P-DATA-TF without a presentation data value")
	}
	return p, nil
}

// trim removes what pads AE titles and UIDs: spaces on both sides are not
// significant in an AE title, and some devices pad UIDs with NUL or space.
func trim(s string) string { return strings.Trim(s, " \x00") }

// cursor walks items of type (1), reserved (1), length (2), value.
type cursor struct {
	b []byte
}

func (c *cursor) more() bool { return len(c.b) > 0 }

// item returns the next item; ok is false if it reaches beyond the end.
func (c *cursor) item() (kind byte, value []byte, ok bool) {
	kind = c.b[0]
	if len(c.b) < 4 {
		return kind, nil, false
	}
	n := int(binary.BigEndian.Uint16(c.b[2:]))
	if n > len(c.b)-4 {
		return kind, nil, false
	}
	value, c.b = c.b[4:4+n], c.b[4+n:]
	return kind, value, true
}

// field returns the next bytes that stand behind their 16-bit length.
func (c *cursor) field() ([]byte, bool) {
	if len(c.b) < 2 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(c.b))
	if n > len(c.b)-2 {
		return nil, false
	}
	value := c.b[2 : 2+n]
	c.b = c.b[2+n:]
	return value, true
}
