package report

import (
	"cmp"
	"encoding/binary"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Fact is whether something is so. What could not be read is unknown, never
// guessed.
type Fact string

// Facts.
const (
	Yes     Fact = "yes"
	No      Fact = "no"
	Unknown Fact = "unknown"
)

// Verdict compares desired with actual.
type Verdict string

// Verdicts. Unexplained is in capitals because it is what the report is for.
const (
	Same        Verdict = "same"
	Explained   Verdict = "explained"
	Unexplained Verdict = "UNEXPLAINED"
	Undecided   Verdict = "unknown"
)

// Row is one membership, or one that ought to be.
type Row struct {
	Directory engine.Directory
	Group     string
	GroupID   engine.GroupID
	Person    engine.Person // empty where no grant and no ledger entry names one
	Login     string
	Member    engine.MemberID // empty when the account is not certain
	Kind      engine.MemberKind
	Desired   Fact // a grant in force or the standing list asks for it
	Actual    Fact // the directory lists it
	State     State
	Verdict   Verdict
	Why       string // one sentence
	Grant     engine.GrantID
	Reason    string    // of the grant, where that is in force
	Until     time.Time // when the grant ends or ended, to the second; zero when there is none
	Since     time.Time // since when the membership is ours, to the second; zero when it is not
}

// judge sets the verdict. A row is explained unless the caller knows better.
func (r *Row) judge(unexplained bool) {
	switch {
	case unexplained:
		r.Verdict = Unexplained
	case r.Desired == Unknown || r.Actual == Unknown:
		r.Verdict = Undecided
	case r.Desired == r.Actual:
		r.Verdict = Same
	default:
		r.Verdict = Explained
	}
}

// rank puts what needs a look first.
func (v Verdict) rank() byte {
	switch v {
	case Unexplained:
		return 0
	case Undecided:
		return 1
	case Explained:
		return 2
	}
	return 3
}

// The words of a packed row, each written as its place here.
//
//nolint:gochecknoglobals // tables
var (
	facts  = [...]Fact{Yes, No, Unknown}
	ranked = [...]Verdict{Unexplained, Undecided, Explained, Same}
	kinds  = [...]engine.MemberKind{engine.AccountMember, engine.GroupMember, engine.OtherMember}
)

// pack appends r as bytes without a pointer, so that a report on a million
// members takes the room of their names: the rank of its verdict, then the
// strings that rows are sorted by, then the rest. What the group says is left
// out.
func pack(b []byte, r *Row) []byte {
	b = append(b, r.Verdict.rank())
	b = packString(b, string(r.Person))
	b = packString(b, r.Login)
	b = packString(b, string(r.Member))
	b = append(b, place(kinds[:], r.Kind), place(facts[:], r.Desired), place(facts[:], r.Actual), place(states[:], r.State))
	why := r.Why
	if why == r.State.sentence() {
		why = ""
	}
	b = packString(b, why)
	b = packString(b, string(r.Grant))
	b = packString(b, r.Reason)
	return packTime(packTime(b, r.Until), r.Since)
}

func packString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func packTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), t.Unix())
}

// place returns where x stands in a table; the last place when it is not there.
func place[T comparable](table []T, x T) byte {
	for i, y := range table {
		if x == y {
			return byte(i)
		}
	}
	return byte(len(table) - 1)
}

// unpacker reads a packed row. The bytes are our own, so they are well formed.
type unpacker struct{ b []byte }

func (u *unpacker) byte() byte {
	c := u.b[0]
	u.b = u.b[1:]
	return c
}

func (u *unpacker) bytes() []byte {
	n, w := binary.Uvarint(u.b)
	s := u.b[w : w+int(n)]
	u.b = u.b[w+int(n):]
	return s
}

func (u *unpacker) string() string { return string(u.bytes()) }

func (u *unpacker) time() time.Time {
	if u.byte() == 0 {
		return time.Time{}
	}
	n, w := binary.Varint(u.b)
	u.b = u.b[w:]
	return time.Unix(n, 0).UTC()
}

// row reads one row, without what its group says.
func (u *unpacker) row() Row {
	var r Row
	r.Verdict = ranked[u.byte()]
	r.Person = engine.Person(u.string())
	r.Login = u.string()
	r.Member = engine.MemberID(u.string())
	r.Kind, r.Desired, r.Actual, r.State = kinds[u.byte()], facts[u.byte()], facts[u.byte()], states[u.byte()]
	r.Why = cmp.Or(u.string(), r.State.sentence())
	r.Grant = engine.GrantID(u.string())
	r.Reason = u.string()
	r.Until, r.Since = u.time(), u.time()
	return r
}

// skip passes one row.
func (u *unpacker) skip() {
	u.byte()
	for range 3 {
		u.bytes()
	}
	u.b = u.b[4:]
	for range 3 {
		u.bytes()
	}
	u.time()
	u.time()
}

// key returns what rows are sorted by: the rank, and the name that people
// know.
func (u unpacker) key() (rank byte, name, login []byte) {
	rank = u.byte()
	name, login = u.bytes(), u.bytes()
	if len(name) == 0 {
		name = login
	}
	return rank, name, login
}
