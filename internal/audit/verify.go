package audit

import (
	"fmt"
	"iter"
)

// Fault names what is wrong with a log.
type Fault string

// Faults.
const (
	CutHead   Fault = "cut-head"  // the log does not begin with event 1
	Gap       Fault = "gap"       // events are missing in the middle
	Reordered Fault = "reordered" // an event stands twice, or after a later one
	Changed   Fault = "changed"   // an event does not fit its hash and those before
	CutTail   Fault = "cut-tail"  // the log ends before the expected head
	Rewritten Fault = "rewritten" // the log is whole in itself, and not the one expected
)

// BrokenError tells that a log is not whole.
type BrokenError struct {
	Seq    int64 // the first event that is missing, moved or changed
	Fault  Fault
	Detail string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("audit log broken at event %d (%s): %s", e.Seq, e.Fault, e.Detail)
}

// Verify walks a log from its first event and returns its head. A log that is
// not whole is a [*BrokenError] that names the first event that is wrong; an
// error of the records themselves is returned as it is.
//
// A tail that was cut off shows only against a head that was written down
// before: with want, the log must hold that very event. It may go on after it.
// Without one, want is nil.
func Verify(records iter.Seq2[Record, error], want *Head) (Head, error) {
	next, stop := iter.Pull2(records)
	defer stop()
	var head Head
	seen := want == nil || *want == Head{}
	for {
		r, err, more := next()
		if !more {
			break
		}
		if err != nil {
			return head, err
		}
		if err := follows(head, r, next); err != nil {
			return head, err
		}
		head = r.Head()
		if want != nil && head.Seq == want.Seq {
			if head != *want {
				return head, &BrokenError{head.Seq, Rewritten, fmt.Sprintf("expected hash %s, found %s", want.Hash, head.Hash)}
			}
			seen = true
		}
	}
	if !seen {
		return head, &BrokenError{
			head.Seq + 1, CutTail,
			fmt.Sprintf("the log ends at event %d, expected to reach event %d", head.Seq, want.Seq),
		}
	}
	return head, nil
}

// follows checks r against the head before it. It may read on, to tell a gap
// from a wrong order.
func follows(head Head, r Record, next func() (Record, error, bool)) error {
	expected := head.Seq + 1
	switch {
	case r.Seq < expected:
		return &BrokenError{r.Seq, Reordered, fmt.Sprintf("it stands after event %d", head.Seq)}
	case r.Seq > expected:
		return missing(expected, r.Seq, next)
	case chain(head.Hash, r.Seq, r.Body) != r.Hash:
		return &BrokenError{r.Seq, Changed, "its hash does not fit it and the event before it"}
	}
	return nil
}

func missing(expected, found int64, next func() (Record, error, bool)) error {
	for {
		r, err, more := next()
		if !more || err != nil {
			break
		}
		if r.Seq == expected {
			return &BrokenError{expected, Reordered, fmt.Sprintf("it stands after event %d", found)}
		}
	}
	if expected == 1 {
		return &BrokenError{1, CutHead, fmt.Sprintf("the log begins with event %d", found)}
	}
	return &BrokenError{expected, Gap, fmt.Sprintf("event %d is followed by event %d", expected-1, found)}
}
