package ldaptest

// encoder writes BER in one pass. A constructed element has a length of four
// bytes, as Active Directory writes it, and is patched when it ends.
type encoder struct{ buf []byte }

func (e *encoder) begin(tag byte) int {
	e.buf = append(e.buf, tag, 0x84, 0, 0, 0, 0)
	return len(e.buf)
}

func (e *encoder) end(start int) {
	n := len(e.buf) - start
	e.buf[start-4], e.buf[start-3], e.buf[start-2], e.buf[start-1] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
}

func (e *encoder) string(tag byte, s string) {
	e.buf = append(e.buf, tag)
	switch n := len(s); {
	case n < 0x80:
		e.buf = append(e.buf, byte(n))
	case n < 0x100:
		e.buf = append(e.buf, 0x81, byte(n))
	case n < 0x10000:
		e.buf = append(e.buf, 0x82, byte(n>>8), byte(n))
	default:
		e.buf = append(e.buf, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	e.buf = append(e.buf, s...)
}

func (e *encoder) integer(tag byte, n int64) {
	size := 1
	for v := n; v > 127 || v < -128; v >>= 8 {
		size++
	}
	e.buf = append(e.buf, tag, byte(size))
	for i := size - 1; i >= 0; i-- {
		e.buf = append(e.buf, byte(n>>(8*i)))
	}
}

func (e *encoder) boolean(b bool) {
	v := byte(0)
	if b {
		v = 0xff
	}
	e.buf = append(e.buf, 0x01, 0x01, v)
}

// The universal tags that responses are made of.
const (
	tagInteger    = 0x02
	tagOctets     = 0x04
	tagEnumerated = 0x0a
	tagSequence   = 0x30
	tagSet        = 0x31
)

// The application tags of responses (RFC 4511 section 4.2 and on).
const (
	replyBind      = 0x61
	replyEntry     = 0x64
	replyDone      = 0x65
	replyModify    = 0x67
	replyAdd       = 0x69
	replyDelete    = 0x6b
	replyRename    = 0x6d
	replyCompare   = 0x6f
	replyReference = 0x73
	replyExtended  = 0x78
)

// reply is the last answer to a request.
type reply struct {
	result
	controls []control
	oid      string // of an extended response
	value    string
	hasValue bool
}

// message encodes a whole LDAPMessage that carries a reply.
func message(id int64, tag byte, r reply) []byte {
	var e encoder
	all := e.begin(tagSequence)
	e.integer(tagInteger, id)
	body := e.begin(tag)
	e.integer(tagEnumerated, int64(r.code))
	e.string(tagOctets, r.matched)
	e.string(tagOctets, r.text)
	if len(r.referrals) > 0 {
		refs := e.begin(0xa3)
		for _, u := range r.referrals {
			e.string(tagOctets, u)
		}
		e.end(refs)
	}
	if r.oid != "" {
		e.string(0x8a, r.oid)
	}
	if r.hasValue {
		e.string(0x8b, r.value)
	}
	e.end(body)
	e.controls(r.controls)
	e.end(all)
	return e.buf
}

func (e *encoder) controls(cs []control) {
	if len(cs) == 0 {
		return
	}
	all := e.begin(0xa0)
	for _, c := range cs {
		one := e.begin(tagSequence)
		e.string(tagOctets, c.oid)
		if c.critical {
			e.boolean(true)
		}
		if c.value != "" {
			e.string(tagOctets, c.value)
		}
		e.end(one)
	}
	e.end(all)
}

// reference encodes a SearchResultReference.
func reference(id int64, url string) []byte {
	var e encoder
	all := e.begin(tagSequence)
	e.integer(tagInteger, id)
	body := e.begin(replyReference)
	e.string(tagOctets, url)
	e.end(body)
	e.end(all)
	return e.buf
}
