package wire

import (
	"errors"
	"fmt"
)

// The tags of RFC 4511 that this package writes or reads.
const (
	tagBool     = 0x01
	tagInteger  = 0x02
	tagOctets   = 0x04
	tagEnum     = 0x0a
	tagSequence = 0x30
	tagSet      = 0x31

	opBind         = 0x60
	opBindDone     = 0x61
	opUnbind       = 0x42
	opSearch       = 0x63
	opEntry        = 0x64
	opSearchDone   = 0x65
	opModify       = 0x66
	opModifyDone   = 0x67
	opReference    = 0x73
	opExtended     = 0x77
	opExtendedDone = 0x78
	opIntermediate = 0x79
)

var errShort = errors.New("ldap message ends too early")

// appendTLV appends one element: its tag, its length, its content.
func appendTLV(dst []byte, tag byte, content []byte) []byte {
	return append(appendHeader(dst, tag, len(content)), content...)
}

func appendString(dst []byte, tag byte, s string) []byte {
	return append(appendHeader(dst, tag, len(s)), s...)
}

func appendHeader(dst []byte, tag byte, n int) []byte {
	dst = append(dst, tag)
	switch {
	case n < 0x80:
		return append(dst, byte(n))
	case n < 0x100:
		return append(dst, 0x81, byte(n))
	case n < 0x10000:
		return append(dst, 0x82, byte(n>>8), byte(n))
	}
	return append(dst, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// appendInt appends a number that is not negative.
func appendInt(dst []byte, tag byte, n int) []byte {
	var b [9]byte
	i := len(b)
	for {
		i--
		b[i] = byte(n)
		n >>= 8
		if n == 0 {
			break
		}
	}
	if b[i]&0x80 != 0 { // keep the sign bit clear
		i--
		b[i] = 0
	}
	return appendTLV(dst, tag, b[i:])
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, tagBool, 1, 0xff)
	}
	return append(dst, tagBool, 1, 0)
}

// next splits the first element off b. The slices share b's memory.
func next(b []byte) (tag byte, content, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, nil, errShort
	}
	tag, n, head := b[0], int(b[1]), 2
	if n >= 0x80 {
		more := n & 0x7f
		if more == 0 || more > 4 {
			return 0, nil, nil, fmt.Errorf("ldap message with a length of %d bytes", more)
		}
		if len(b) < 2+more {
			return 0, nil, nil, errShort
		}
		n = 0
		for _, c := range b[2 : 2+more] {
			n = n<<8 | int(c)
		}
		head += more
	}
	if n > len(b)-head {
		return 0, nil, nil, errShort
	}
	return tag, b[head : head+n], b[head+n:], nil
}

// want is next for an element whose tag is known.
func want(b []byte, tag byte) (content, rest []byte, err error) {
	got, content, rest, err := next(b)
	if err == nil && got != tag {
		err = fmt.Errorf("ldap message with tag %#x where %#x belongs", got, tag)
	}
	return content, rest, err
}

func number(b []byte) (int, error) {
	if len(b) == 0 || len(b) > 4 {
		return 0, fmt.Errorf("ldap message with a number of %d bytes", len(b))
	}
	n := int(int8(b[0]))
	for _, c := range b[1:] {
		n = n<<8 | int(c)
	}
	return n, nil
}
