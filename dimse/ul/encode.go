package ul

import (
	"encoding/binary"
	"fmt"
)

// Append appends the encoding of p to dst. It refuses what the standard
// forbids to send.
func Append(dst []byte, p PDU) ([]byte, error) {
	start := len(dst)
	dst = append(dst, byte(p.pduType()), 0, 0, 0, 0, 0)
	dst, err := p.appendBody(dst)
	if err != nil {
		return dst[:start], err
	}
	binary.BigEndian.PutUint32(dst[start+2:], uint32(len(dst)-start-pduHeader))
	return dst, nil
}

func (p *AssociateRQ) appendBody(dst []byte) ([]byte, error) {
	dst, err := appendFixed(dst, p.ProtocolVersion, p.CalledAE, p.CallingAE)
	if err != nil {
		return dst, err
	}
	if len(p.Contexts) == 0 || len(p.Contexts) > MaxContexts {
		return dst, fmt.Errorf("%d presentation contexts: an association needs 1 to %d", len(p.Contexts), MaxContexts)
	}
	e := encoder{b: dst}
	e.uid(0x10, p.ApplicationContext)
	for _, c := range p.Contexts {
		e.context(c)
	}
	e.user(&p.User)
	return e.b, e.err
}

func (p *AssociateAC) appendBody(dst []byte) ([]byte, error) {
	dst, err := appendFixed(dst, p.ProtocolVersion, p.CalledAE, p.CallingAE)
	if err != nil {
		return dst, err
	}
	if len(p.Contexts) > MaxContexts {
		return dst, fmt.Errorf("%d presentation contexts: an association has at most %d", len(p.Contexts), MaxContexts)
	}
	e := encoder{b: dst}
	e.uid(0x10, p.ApplicationContext)
	for _, c := range p.Contexts {
		e.checkID(c.ID)
		at := e.item(0x21)
		e.b = append(e.b, c.ID, 0, byte(c.Result), 0)
		e.uid(0x40, c.TransferSyntax)
		e.end(at)
	}
	e.user(&p.User)
	return e.b, e.err
}

func (r *Reject) appendBody(dst []byte) ([]byte, error) {
	return append(dst, 0, r.Result, r.Source, r.Reason), nil
}

func (a *Abort) appendBody(dst []byte) ([]byte, error) {
	return append(dst, 0, 0, a.Source, a.Reason), nil
}

func (*ReleaseRQ) appendBody(dst []byte) ([]byte, error) { return append(dst, 0, 0, 0, 0), nil }
func (*ReleaseRP) appendBody(dst []byte) ([]byte, error) { return append(dst, 0, 0, 0, 0), nil }

func (p *PDataTF) appendBody(dst []byte) ([]byte, error) {
	if len(p.Values) == 0 {
		return dst, fmt.Errorf("a P-DATA-TF needs at least one presentation data value")
	}
	for _, v := range p.Values {
		dst = appendPDVHeader(dst, v.ContextID, controlHeader(v.Command, v.Last), len(v.Fragment))
		dst = append(dst, v.Fragment...)
	}
	return dst, nil
}

func appendPDVHeader(dst []byte, contextID, control byte, fragment int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(fragment+2))
	return append(dst, contextID, control)
}

// controlHeader is the message control header (PS3.8 E.2).
func controlHeader(command, last bool) byte {
	var c byte
	if command {
		c |= 1
	}
	if last {
		c |= 2
	}
	return c
}

func appendFixed(dst []byte, version uint16, called, calling string) ([]byte, error) {
	dst = binary.BigEndian.AppendUint16(dst, version)
	dst = append(dst, 0, 0)
	for _, title := range [...]string{called, calling} {
		if !ValidAETitle(title) {
			return dst, fmt.Errorf("%q is not an AE title: 1 to 16 printable ASCII characters without backslash", title)
		}
		dst = append(dst, title...)
		for i := len(title); i < aeTitleLength; i++ {
			dst = append(dst, ' ')
		}
	}
	return append(dst, make([]byte, 32)...), nil
}

// ValidAETitle reports whether s can stand in an AE field: 1 to 16 characters
// of the default repertoire without backslash and control characters, and not
// only spaces (PS3.5 6.2, VR AE).
func ValidAETitle(s string) bool {
	if len(s) > aeTitleLength || len(trim(s)) == 0 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// encoder appends items and keeps the first error.
type encoder struct {
	b   []byte
	err error
}

func (e *encoder) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

// item begins an item or sub-item (type, reserved, length) and end closes it.
func (e *encoder) item(kind byte) int {
	e.b = append(e.b, kind, 0, 0, 0)
	return len(e.b)
}

func (e *encoder) end(at int) {
	n := len(e.b) - at
	if n > 0xffff {
		e.fail("item of %d bytes is too long for its 16-bit length", n)
		return
	}
	binary.BigEndian.PutUint16(e.b[at-2:], uint16(n))
}

func (e *encoder) uid(kind byte, uid string) {
	if len(uid) > maxUID {
		e.fail("UID %.80q is longer than %d characters", uid, maxUID)
	}
	at := e.item(kind)
	e.b = append(e.b, uid...)
	e.end(at)
}

// lengthUID appends a UID behind its 16-bit length.
func (e *encoder) lengthUID(uid string) {
	if len(uid) > maxUID {
		e.fail("UID %.80q is longer than %d characters", uid, maxUID)
	}
	e.field([]byte(uid))
}

// field appends bytes behind their 16-bit length.
func (e *encoder) field(b []byte) {
	if len(b) > 0xffff {
		e.fail("field of %d bytes is too long for its 16-bit length", len(b))
		return
	}
	e.b = binary.BigEndian.AppendUint16(e.b, uint16(len(b)))
	e.b = append(e.b, b...)
}

func (e *encoder) checkID(id byte) {
	if id%2 == 0 {
		e.fail("presentation context ID %d is not odd", id)
	}
}

func (e *encoder) context(c ContextRQ) {
	e.checkID(c.ID)
	if c.AbstractSyntax == "" || len(c.TransferSyntaxes) == 0 {
		e.fail("presentation context %d needs an abstract and a transfer syntax", c.ID)
	}
	at := e.item(0x20)
	e.b = append(e.b, c.ID, 0, 0, 0)
	e.uid(0x30, c.AbstractSyntax)
	for _, ts := range c.TransferSyntaxes {
		e.uid(0x40, ts)
	}
	e.end(at)
}

// user appends the user information item, its sub-items in order of type
// (PS3.8 D.1 and PS3.7 D.3.3).
func (e *encoder) user(u *UserInformation) {
	user := e.item(0x50)
	at := e.item(0x51)
	e.b = binary.BigEndian.AppendUint32(e.b, u.MaxLength)
	e.end(at)
	e.uid(0x52, u.ImplementationClassUID)
	if u.Async != nil {
		at = e.item(0x53)
		e.b = binary.BigEndian.AppendUint16(e.b, u.Async.Invoked)
		e.b = binary.BigEndian.AppendUint16(e.b, u.Async.Performed)
		e.end(at)
	}
	for _, r := range u.Roles {
		at = e.item(0x54)
		e.lengthUID(r.SOPClassUID)
		e.b = append(e.b, bit(r.SCU), bit(r.SCP))
		e.end(at)
	}
	if u.ImplementationVersionName != "" {
		if len(u.ImplementationVersionName) > 16 {
			e.fail("implementation version name %.40q is longer than 16 characters", u.ImplementationVersionName)
		}
		at = e.item(0x55)
		e.b = append(e.b, u.ImplementationVersionName...)
		e.end(at)
	}
	e.extended(u)
	e.identity(u)
	e.end(user)
}

func (e *encoder) extended(u *UserInformation) {
	for _, x := range u.Extended {
		at := e.item(0x56)
		e.lengthUID(x.SOPClassUID)
		e.b = append(e.b, x.Information...)
		e.end(at)
	}
	for _, x := range u.CommonExtended {
		at := e.item(0x57)
		e.lengthUID(x.SOPClassUID)
		e.lengthUID(x.ServiceClassUID)
		length := len(e.b)
		e.b = append(e.b, 0, 0)
		for _, c := range x.RelatedClasses {
			e.lengthUID(c)
		}
		n := len(e.b) - length - 2
		if n > 0xffff {
			e.fail("%d related general classes are too many", len(x.RelatedClasses))
		}
		binary.BigEndian.PutUint16(e.b[length:], uint16(n))
		e.end(at)
	}
}

func (e *encoder) identity(u *UserInformation) {
	if id := u.Identity; id != nil {
		at := e.item(0x58)
		e.b = append(e.b, byte(id.Type), bit(id.PositiveResponseRequested))
		e.field(id.Primary)
		e.field(id.Secondary)
		e.end(at)
	}
	if r := u.IdentityResponse; r != nil {
		at := e.item(0x59)
		e.field(r.Response)
		e.end(at)
	}
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
