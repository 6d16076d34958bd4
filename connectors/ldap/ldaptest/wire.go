package ldaptest

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	ber "github.com/go-asn1-ber/asn1-ber"
)

var (
	errTooLarge  = errors.New("request larger than the server takes")
	errMalformed = errors.New("malformed request")
)

// Limits on what one request may make the decoder build: a deep or finely cut
// packet costs far more memory decoded than on the wire.
const (
	maxDepth    = 100
	maxElements = 500_000
)

// request is one LDAPMessage.
type request struct {
	id       int64
	op       Op
	body     *ber.Packet
	controls []control
}

// readRequest reads one LDAPMessage of at most limit bytes.
func readRequest(r *bufio.Reader, limit int) (*request, error) {
	raw, err := readElement(r, limit)
	if err != nil {
		return nil, err
	}
	return parseRequest(raw)
}

// readElement reads the bytes of one BER element of definite length, as RFC
// 4511 section 5.1 demands.
func readElement(r *bufio.Reader, limit int) ([]byte, error) {
	tag, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	if tag != 0x30 {
		return nil, fmt.Errorf("%w: tag %#x is no LDAPMessage", errMalformed, tag)
	}
	head, err := r.Peek(1)
	if err != nil {
		return nil, noEOF(err)
	}
	size := 1
	if head[0] > 0x80 {
		size += int(head[0] & 0x7f)
	}
	if size > 9 {
		return nil, fmt.Errorf("%w: length of %d bytes", errMalformed, size-1)
	}
	if head, err = r.Peek(size); err != nil {
		return nil, noEOF(err)
	}
	length, _, err := berLength(head)
	if err != nil {
		return nil, err
	}
	if length > limit {
		return nil, errTooLarge
	}
	return readBody(r, tag, head, length)
}

func readBody(r io.Reader, tag byte, head []byte, length int) ([]byte, error) {
	raw := append(make([]byte, 0, 1+len(head)), tag)
	raw = append(raw, head...)
	if _, err := io.CopyN(io.Discard, r, int64(len(head))); err != nil {
		return nil, noEOF(err)
	}
	// A declared length is not believed before the bytes are there.
	for length > 0 {
		n := min(length, 64<<10)
		start := len(raw)
		raw = append(raw, make([]byte, n)...)
		if _, err := io.ReadFull(r, raw[start:]); err != nil {
			return nil, noEOF(err)
		}
		length -= n
	}
	return raw, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// berLength reads a definite length and returns its own size in bytes.
func berLength(b []byte) (length, size int, err error) {
	if len(b) == 0 || b[0] == 0x80 {
		return 0, 0, fmt.Errorf("%w: no definite length", errMalformed)
	}
	if b[0] < 0x80 {
		return int(b[0]), 1, nil
	}
	n := int(b[0] & 0x7f)
	if n > 8 || len(b) < 1+n {
		return 0, 0, fmt.Errorf("%w: length of %d bytes", errMalformed, n)
	}
	for _, c := range b[1 : 1+n] {
		if length > 1<<40 {
			return 0, 0, errTooLarge
		}
		length = length<<8 | int(c)
	}
	if length < 0 {
		return 0, 0, errTooLarge
	}
	return length, 1 + n, nil
}

// checkShape walks the elements of b without decoding them.
func checkShape(b []byte, depth int, elements *int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: nested deeper than %d", errMalformed, maxDepth)
	}
	for len(b) > 0 {
		if *elements++; *elements > maxElements {
			return fmt.Errorf("%w: more than %d elements", errMalformed, maxElements)
		}
		if b[0]&0x1f == 0x1f {
			return fmt.Errorf("%w: long tag", errMalformed)
		}
		length, size, err := berLength(b[1:])
		if err != nil {
			return err
		}
		if length > len(b)-1-size {
			return fmt.Errorf("%w: element longer than its parent", errMalformed)
		}
		content := b[1+size : 1+size+length]
		if b[0]&0x20 != 0 {
			if err := checkShape(content, depth+1, elements); err != nil {
				return err
			}
		}
		b = b[1+size+length:]
	}
	return nil
}

// parseRequest decodes an LDAPMessage.
func parseRequest(raw []byte) (*request, error) {
	elements := 0
	if err := checkShape(raw, 0, &elements); err != nil {
		return nil, err
	}
	p, err := ber.DecodePacketErr(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if len(p.Children) < 2 {
		return nil, fmt.Errorf("%w: LDAPMessage without an operation", errMalformed)
	}
	id, ok := p.Children[0].Value.(int64)
	if !ok || id < 0 || id > 1<<31-1 {
		return nil, fmt.Errorf("%w: message id", errMalformed)
	}
	body := p.Children[1]
	op, known := opOfTag[body.Tag]
	if body.ClassType != ber.ClassApplication || !known {
		return nil, fmt.Errorf("%w: unknown operation", errMalformed)
	}
	req := &request{id: id, op: op, body: body}
	for _, c := range p.Children[2:] {
		if c.ClassType != ber.ClassContext || c.Tag != 0 {
			continue
		}
		if req.controls, err = parseControls(c); err != nil {
			return nil, err
		}
	}
	return req, nil
}

// child returns the n-th element inside p, or an empty one when there is
// none, so that handlers can look without counting first.
func child(p *ber.Packet, n int) *ber.Packet {
	if n < len(p.Children) {
		return p.Children[n]
	}
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagNULL, "", "")
}

func text(p *ber.Packet) string { return p.Data.String() }

func integer(p *ber.Packet) int {
	n, _ := p.Value.(int64)
	return int(n)
}

func boolean(p *ber.Packet) bool {
	b, _ := p.Value.(bool)
	return b
}
