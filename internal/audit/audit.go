// Package audit is the log of what daypass did: events in one order, each
// bound to all before it by a hash, so that nothing can be changed, left out or
// moved without [Verify] telling. It knows the bytes and the chain; where they
// are kept is the store's business.
//
// Whoever can rewrite the whole log can also rewrite the whole chain. A [Head]
// written down elsewhere is the proof against that, and against a tail that
// was cut off.
package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// domain keeps the hashes of this log apart from hashes of the same bytes made
// elsewhere.
const domain = "daypass audit chain v1\n"

// Hash binds a record to every record before it.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads 64 hexadecimal digits, the form that String writes.
func ParseHash(s string) (Hash, error) {
	var h Hash
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) || strings.ToLower(s) != s {
		return h, fmt.Errorf("hash %q is not %d lower-case hexadecimal digits", s, 2*len(h))
	}
	copy(h[:], b)
	return h, nil
}

// Head is how far a log goes. The zero Head is that of an empty log.
type Head struct {
	Seq  int64 // of the last record; the first record has 1
	Hash Hash  // of the last record
}

// String writes the head as people keep it: "seq:hash".
func (h Head) String() string { return strconv.FormatInt(h.Seq, 10) + ":" + h.Hash.String() }

// ParseHead reads what String wrote.
func ParseHead(s string) (Head, error) {
	seq, hash, found := strings.Cut(s, ":")
	n, err := strconv.ParseInt(seq, 10, 64)
	if !found || err != nil || n < 0 {
		return Head{}, fmt.Errorf("head %q is not written as number:hash", s)
	}
	h, err := ParseHash(hash)
	if err != nil {
		return Head{}, fmt.Errorf("head %q: %w", s, err)
	}
	return Head{Seq: n, Hash: h}, nil
}

// Record is one event as it stands in the log.
type Record struct {
	Seq  int64  // 1, 2, 3, ... without a gap
	Body []byte // the event, as [Encode] wrote it
	Hash Hash   // of the record before, Seq and Body
}

// Head returns the head of a log that ends with r.
func (r Record) Head() Head { return Head{Seq: r.Seq, Hash: r.Hash} }

// Next returns the record that body becomes in a log that ends at h.
func (h Head) Next(body []byte) Record {
	r := Record{Seq: h.Seq + 1, Body: body}
	r.Hash = chain(h.Hash, r.Seq, body)
	return r
}

// chain hashes fixed-length parts first and the body last, so that no two
// different records give the same bytes.
func chain(before Hash, seq int64, body []byte) Hash {
	buf := make([]byte, 0, len(domain)+len(before)+8+len(body))
	buf = append(buf, domain...)
	buf = append(buf, before[:]...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(seq))
	buf = append(buf, body...)
	return sha256.Sum256(buf)
}
