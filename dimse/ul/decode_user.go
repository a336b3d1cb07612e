package ul

import (
	"encoding/binary"
	"fmt"
)

// userItems decodes the sub-items of user information (PS3.8 D.1, PS3.7
// D.3.3). A decoder returns false if the value is too short.
var userItems = map[byte]struct {
	name  string
	parse func(*UserInformation, []byte) bool
}{
	0x51: {"maximum length", (*UserInformation).parseMaxLength},
	0x52: {"implementation class UID", func(u *UserInformation, b []byte) bool {
		u.ImplementationClassUID = trim(string(b))
		return true
	}},
	0x53: {"asynchronous operations window", (*UserInformation).parseAsync},
	0x54: {"role selection", (*UserInformation).parseRole},
	0x55: {"implementation version name", func(u *UserInformation, b []byte) bool {
		u.ImplementationVersionName = trim(string(b))
		return true
	}},
	0x56: {"extended negotiation", (*UserInformation).parseExtended},
	0x57: {"common extended negotiation", (*UserInformation).parseCommonExtended},
	0x58: {"user identity", (*UserInformation).parseIdentity},
	0x59: {"user identity response", (*UserInformation).parseIdentityResponse},
}

func (u *UserInformation) warn(format string, args ...any) {
	if len(u.Warnings) < 16 {
		u.Warnings = append(u.Warnings, fmt.Sprintf(format, args...))
	}
}

// parse reads the sub-items. Devices are met that get lengths wrong here: what
// cannot be read is noted and skipped, except a user identity, on which the
// decision to let someone in may rest.
func (u *UserInformation) parse(body []byte) error {
	u.MaxLength = DefaultPDULength
	hasLength := false
	items := cursor{b: body}
	for items.more() {
		kind, value, ok := items.item()
		if !ok {
			if kind == 0x58 {
				return invalidf("user identity reaches beyond the user information")
			}
			u.warn("sub-item of type %02XH reaches beyond the user information", kind)
			break
		}
		hasLength = hasLength || kind == 0x51
		sub, known := userItems[kind]
		if !known || sub.parse(u, value) {
			continue
		}
		if kind == 0x58 {
			return invalidf("user identity is malformed or given twice")
		}
		u.warn("%s is malformed and was ignored", sub.name)
	}
	if !hasLength {
		u.warn("maximum length is missing")
	}
	return nil
}

func (u *UserInformation) parseMaxLength(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	u.MaxLength = binary.BigEndian.Uint32(b)
	return true
}

func (u *UserInformation) parseAsync(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	u.Async = &AsyncOperations{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])}
	return true
}

func (u *UserInformation) parseRole(b []byte) bool {
	c := cursor{b}
	uid, ok := c.field()
	if !ok || len(c.b) < 2 {
		return false
	}
	u.Roles = append(u.Roles, RoleSelection{trim(string(uid)), c.b[0] == 1, c.b[1] == 1})
	return true
}

func (u *UserInformation) parseExtended(b []byte) bool {
	c := cursor{b}
	uid, ok := c.field()
	if !ok {
		return false
	}
	u.Extended = append(u.Extended, ExtendedNegotiation{trim(string(uid)), clone(c.b)})
	return true
}

func (u *UserInformation) parseCommonExtended(b []byte) bool {
	c := cursor{b}
	class, ok1 := c.field()
	service, ok2 := c.field()
	if !ok1 || !ok2 {
		return false
	}
	x := CommonExtendedNegotiation{SOPClassUID: trim(string(class)), ServiceClassUID: trim(string(service))}
	list, _ := c.field()
	for related := (cursor{list}); related.more(); {
		uid, ok := related.field()
		if !ok {
			return false
		}
		x.RelatedClasses = append(x.RelatedClasses, trim(string(uid)))
	}
	u.CommonExtended = append(u.CommonExtended, x)
	return true
}

func (u *UserInformation) parseIdentity(b []byte) bool {
	if u.Identity != nil || len(b) < 2 {
		return false
	}
	c := cursor{b[2:]}
	primary, ok := c.field()
	if !ok {
		return false
	}
	id := &UserIdentity{Type: IdentityType(b[0]), PositiveResponseRequested: b[1] == 1, Primary: clone(primary)}
	if c.more() { // absent in requests of older editions
		secondary, ok := c.field()
		if !ok {
			return false
		}
		id.Secondary = clone(secondary)
	}
	u.Identity = id
	return true
}

func (u *UserInformation) parseIdentityResponse(b []byte) bool {
	c := cursor{b}
	response, ok := c.field()
	if !ok {
		return false
	}
	u.IdentityResponse = &UserIdentityResponse{clone(response)}
	return true
}

func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}
