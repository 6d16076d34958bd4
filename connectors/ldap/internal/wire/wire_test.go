package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

func TestLengthsAndNumbers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 20} {
		b := appendTLV(nil, tagOctets, make([]byte, n))
		content, rest, err := want(append(b, 'x'), tagOctets)
		if err != nil || len(content) != n || string(rest) != "x" {
			t.Errorf("element of %d bytes: got %d, rest %q and error %v", n, len(content), rest, err)
		}
		got, _, err := want(appendInt(nil, tagInteger, n), tagInteger)
		if v, err2 := number(got); err != nil || err2 != nil || v != n {
			t.Errorf("number %d: got %d and errors %v, %v", n, v, err, err2)
		}
	}
}

// script answers each request with the next of its messages, as they are.
func script(t *testing.T, answers ...[]byte) *Conn {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { _ = client.Close(); _ = server.Close() })
	go func() {
		buf := make([]byte, 1<<16)
		for _, a := range answers {
			if _, err := server.Read(buf); err != nil {
				return
			}
			_, _ = server.Write(a)
		}
		_ = server.Close()
	}()
	c := &Conn{}
	c.use(deadlines{client, time.Second})
	return c
}

func answer(id int, op []byte, controls ...Control) []byte { return envelope(id, op, controls) }

func done(op byte, code int) []byte {
	b := appendInt(nil, tagEnum, code)
	b = appendString(b, tagOctets, "")
	return appendTLV(nil, op, appendString(b, tagOctets, "because"))
}

func entryOp(dn string, attrs ...[]string) []byte {
	var list []byte
	for _, a := range attrs {
		var set []byte
		for _, v := range a[1:] {
			set = appendString(set, tagOctets, v)
		}
		list = appendTLV(list, tagSequence, appendTLV(appendString(nil, tagOctets, a[0]), tagSet, set))
	}
	return appendTLV(nil, opEntry, appendTLV(appendString(nil, tagOctets, dn), tagSequence, list))
}

func TestSearchReadsEntriesAndControls(t *testing.T) {
	t.Parallel()
	reply := answer(1, entryOp("cn=a", []string{"member", "x", "y"}, []string{"cn", "a"}))
	reply = append(reply, answer(1, appendTLV(nil, opReference, appendString(nil, tagOctets, "ldap://other/")))...)
	reply = append(reply, answer(1, entryOp("cn=b", []string{"Member"}))...)
	reply = append(reply, answer(1, done(opSearchDone, 0), Paged(0, []byte("more")))...)
	c := script(t, reply)
	var got []string
	controls, err := c.Search(t.Context(), Search{Base: "dc=x", Filter: "(a=b)"}, func(e *Entry) error {
		got = append(got, string(e.DN), e.First("MEMBER"), e.First("cn"))
		if !e.Has("member") {
			t.Errorf("Has(member) of %s: got false, want true", e.DN)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"cn=a", "x", "a", "cn=b", "", ""}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if cookie, ok := Cookie(controls); !ok || string(cookie) != "more" {
		t.Errorf("Cookie: got %q and %t, want more", cookie, ok)
	}
}

func TestRefusalsKeepTheConnection(t *testing.T) {
	t.Parallel()
	c := script(t, answer(1, done(opModifyDone, 68)), answer(2, done(opBindDone, 0)))
	err := c.Modify(t.Context(), "cn=a", []Change{{Attr: "member", Values: []string{"x"}}})
	if !goldap.IsErrorWithCode(err, 68) || c.Err() != nil {
		t.Errorf("Modify: got error %v and connection %v, want code 68 and a good connection", err, c.Err())
	}
	if err := c.Bind(t.Context(), "cn=a", "pw"); err != nil {
		t.Errorf("Bind after a refusal: got error %v, want none", err)
	}
}

func TestNonsenseEndsTheConnection(t *testing.T) {
	t.Parallel()
	whole := answer(1, done(opModifyDone, 0))
	for name, reply := range map[string][]byte{
		"nothing":           nil,
		"half a message":    whole[:len(whole)-3],
		"another number":    answer(7, done(opModifyDone, 0)),
		"another operation": answer(1, done(opBindDone, 0)),
		"text":              []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"a lying length":    {0x30, 0x84, 0x1f, 0xff, 0xff, 0xff, 2, 1},
		"a huge length":     {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff},
		"endless length":    {0x30, 0x80, 2, 1, 1, 0, 0},
		"disconnection":     answer(0, done(opExtendedDone, 52)),
	} {
		c := script(t, reply)
		err := c.Modify(t.Context(), "cn=a", []Change{{Attr: "member", Values: []string{"x"}}})
		var refusal *goldap.Error
		if err == nil || errors.As(err, &refusal) || c.Err() == nil {
			t.Errorf("%s: got error %v and connection %v, want it lost and no refusal", name, err, c.Err())
		}
		if err := c.Bind(t.Context(), "cn=a", "pw"); err == nil {
			t.Errorf("%s: Bind afterwards: got no error, want one", name)
		}
	}
}

func TestContextEndsACall(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	t.Cleanup(func() { _ = client.Close(); _ = server.Close() })
	c := &Conn{}
	c.use(deadlines{client, time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.ReadAtLeast(server, make([]byte, 100), 1)
		cancel()
	}()
	if err := c.Bind(ctx, "cn=a", "pw"); !errors.Is(err, context.Canceled) {
		t.Errorf("Bind: got error %v, want that of the context", err)
	}
	if c.Err() == nil {
		t.Error("connection after its call was cancelled: got a good one, want it lost")
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	for option, want := range map[string]Window{
		"0-1": {Next: 2}, "5-6": {Next: 7}, "4-*": {Next: 6, Last: true},
	} {
		if got, err := parseWindow(option, 2); err != nil || !cmp.Equal(got, want) {
			t.Errorf("parseWindow(%q): got %+v and %v, want %+v", option, got, err, want)
		}
	}
	for _, option := range []string{"", "0", "-1", "*", "a-b", "0-0", "0-2", "3-2", "-1-*"} {
		if got, err := parseWindow(option, 2); err == nil {
			t.Errorf("parseWindow(%q) of two values: got %+v, want an error", option, got)
		}
	}
}

// Whatever a server sends, reading it ends in an answer or an error.
func FuzzMessages(f *testing.F) {
	f.Add(answer(1, entryOp("cn=a", []string{"member;range=0-0", "x"})))
	f.Add(answer(1, done(opSearchDone, 10), Paged(5, []byte("c"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &Conn{}
		client, server := net.Pipe()
		_ = server.Close()
		defer client.Close()
		c.use(client)
		c.br.Reset(bytes.NewReader(b))
		for range 8 {
			m, err := c.receive()
			if err != nil {
				return
			}
			_, _ = parseResult(m)
			var e Entry
			if e.parse(m.body) == nil {
				_, _, _ = e.Window("member")
				_ = e.First("cn")
			}
		}
	})
}
