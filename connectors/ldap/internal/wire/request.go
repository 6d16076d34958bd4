package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	ldap "github.com/go-ldap/ldap/v3"
)

// Control goes with a request or an answer.
type Control struct {
	OID      string
	Critical bool
	Value    []byte // nil: none
}

// Search is a search request.
type Search struct {
	Base      string
	Scope     Scope
	Filter    string // RFC 4515; "" is (objectClass=*)
	Attrs     []string
	SizeLimit int
	Controls  []Control
}

// Scope says how deep a search goes.
type Scope int

// Scopes of RFC 4511 section 4.5.1.2.
const (
	BaseObject Scope = 0
	Subtree    Scope = 2
)

// Change is one part of a modify request: values to add or to delete. There is
// no replace, on purpose.
type Change struct {
	Delete bool
	Attr   string
	Values []string
}

// Bind authenticates with a name and a password.
func (c *Conn) Bind(ctx context.Context, name, password string) error {
	op := appendInt(nil, tagInteger, 3)
	op = appendString(op, tagOctets, name)
	op = appendString(op, 0x80, password)
	err := c.call(ctx, appendTLV(nil, opBind, op), opBindDone, nil)
	return err
}

// BindExternal authenticates as the TLS client certificate or the peer of the
// unix socket says (SASL EXTERNAL, RFC 4422 appendix A).
func (c *Conn) BindExternal(ctx context.Context) error {
	op := appendInt(nil, tagInteger, 3)
	op = appendString(op, tagOctets, "")
	op = appendTLV(op, 0xa3, appendString(nil, tagOctets, "EXTERNAL"))
	err := c.call(ctx, appendTLV(nil, opBind, op), opBindDone, nil)
	return err
}

// StartTLS begins encryption on a connection in clear text (RFC 4511 4.14).
func (c *Conn) StartTLS(ctx context.Context, config *tls.Config) error {
	op := appendString(nil, 0x80, "1.3.6.1.4.1.1466.20037")
	if err := c.call(ctx, appendTLV(nil, opExtended, op), opExtendedDone, nil); err != nil {
		return err
	}
	if c.br.Buffered() > 0 { // somebody in between speaks before the handshake
		return c.fail(ctx, errors.New("server sent clear text after it agreed to start tls"))
	}
	return c.handshake(ctx, config)
}

// Modify changes one entry, all of it or nothing.
func (c *Conn) Modify(ctx context.Context, dn string, changes []Change, controls ...Control) error {
	err := c.call(ctx, modifyOp(dn, changes), opModifyDone, controls)
	return err
}

func modifyOp(dn string, changes []Change) []byte {
	var list []byte
	for _, ch := range changes {
		var values []byte
		for _, v := range ch.Values {
			values = appendString(values, tagOctets, v)
		}
		kind := 0
		if ch.Delete {
			kind = 1
		}
		attr := appendTLV(appendString(nil, tagOctets, ch.Attr), tagSet, values)
		one := appendTLV(appendInt(nil, tagEnum, kind), tagSequence, attr)
		list = appendTLV(list, tagSequence, one)
	}
	return appendTLV(nil, opModify, appendTLV(appendString(nil, tagOctets, dn), tagSequence, list))
}

// Search asks and hands each entry to visit. It returns the controls of the
// answer. An error of visit ends the connection, because the rest of the
// answer is still on its way.
func (c *Conn) Search(ctx context.Context, s Search, visit func(*Entry) error) ([]Control, error) {
	var done []Control
	err := c.SearchEach(ctx, []Search{s}, func(_ int, e *Entry) error { return visit(e) },
		func(_ int, controls []Control, err error) error {
			done = controls
			return err
		})
	return done, err
}

// SearchEach sends several searches at once and reads their answers, which may
// come mixed: visit gets the number of the search with each entry, and done
// gets it when a search has ended, with the server's refusal if there was one.
// An error of visit ends the connection, because answers are still on their
// way; the first error of done is returned when all searches have ended.
func (c *Conn) SearchEach(ctx context.Context, all []Search, visit func(int, *Entry) error, done func(int, []Control, error) error) error {
	var request []byte
	first := c.lastID + 1
	for _, s := range all {
		op, err := searchOp(s)
		if err != nil {
			return err
		}
		c.lastID++
		request = append(request, envelope(c.lastID, op, s.Controls)...)
	}
	end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if _, err := c.nc.Write(request); err != nil {
		return c.fail(ctx, err)
	}
	var refused error
	for open := len(all); open > 0; {
		m, err := c.receive()
		if err == nil && (m.id < first || m.id >= first+len(all)) {
			err = fmt.Errorf("answer to request %d, which is not open", m.id)
		}
		if err != nil {
			return c.fail(ctx, err)
		}
		ended, err := c.answer(m, m.id-first, visit, done)
		if err != nil && !ended {
			return c.fail(ctx, err)
		}
		if err != nil && refused == nil {
			refused = err
		}
		if ended {
			open--
		}
	}
	return refused
}

func (c *Conn) answer(m message, i int, visit func(int, *Entry) error, done func(int, []Control, error) error) (ended bool, err error) {
	switch m.op {
	case opEntry:
		if err := c.entry.parse(m.body); err != nil {
			return false, err
		}
		return false, visit(i, &c.entry)
	case opReference, opIntermediate:
		return false, nil // never followed; see the connector's probe
	case opSearchDone:
		r, err := parseResult(m)
		if err != nil {
			return false, err
		}
		return true, done(i, r.controls, r.refusal())
	}
	return false, fmt.Errorf("answer of type %#x to a search", m.op)
}

func searchOp(s Search) ([]byte, error) {
	filter := []byte("\x87\x0bobjectClass") // present
	if s.Filter != "" {
		p, err := ldap.CompileFilter(s.Filter)
		if err != nil {
			return nil, fmt.Errorf("filter %s: %w", s.Filter, err)
		}
		filter = p.Bytes()
	}
	op := appendString(nil, tagOctets, s.Base)
	op = appendInt(op, tagEnum, int(s.Scope))
	op = appendInt(op, tagEnum, 0) // never dereference aliases
	op = appendInt(op, tagInteger, s.SizeLimit)
	op = appendInt(op, tagInteger, 0)
	op = appendBool(op, false)
	op = append(op, filter...)
	var attrs []byte
	for _, a := range s.Attrs {
		attrs = appendString(attrs, tagOctets, a)
	}
	return appendTLV(nil, opSearch, appendTLV(op, tagSequence, attrs)), nil
}

// call sends a request that has one answer.
func (c *Conn) call(ctx context.Context, op []byte, answer byte, controls []Control) error {
	end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	id, err := c.send(op, controls)
	if err != nil {
		return c.fail(ctx, err)
	}
	m, err := c.receive()
	if err == nil && (m.id != id || m.op != answer) {
		err = fmt.Errorf("answer of type %#x to request %d, want type %#x to %d", m.op, m.id, answer, id)
	}
	if err != nil {
		return c.fail(ctx, err)
	}
	r, err := parseResult(m)
	if err != nil {
		return c.fail(ctx, err)
	}
	return r.refusal()
}
