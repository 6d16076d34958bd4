package audit

import (
	"bytes"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// logOf chains n different events.
func logOf(n int) []Record {
	var head Head
	records := make([]Record, 0, n)
	for i := range n {
		at := time.Date(2026, 11, 24, 9, 0, i, 0, time.UTC)
		body, err := Encode(engine.Event{At: at, Kind: engine.EventHappened, Person: "ada@example.org"})
		if err != nil {
			panic(err)
		}
		r := head.Next(body)
		head = r.Head()
		records = append(records, r)
	}
	return records
}

func seq(records []Record) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestVerifyWhole(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 50} {
		records := logOf(n)
		var want Head
		if n > 0 {
			want = records[n-1].Head()
		}
		got, err := Verify(seq(records), nil)
		if err != nil || got != want {
			t.Errorf("%d events: head %s, %v; want %s", n, got, err, want)
		}
		for _, r := range records { // every earlier head is still in the log
			if _, err := Verify(seq(records), new(r.Head())); err != nil {
				t.Errorf("%d events, head %d: %v", n, r.Seq, err)
			}
		}
		if _, err := Verify(seq(records), &Head{}); err != nil {
			t.Errorf("%d events, the head of an empty log: %v", n, err)
		}
	}
}

func TestVerifyNamesTheFirstBroken(t *testing.T) {
	t.Parallel()
	forged := func(r Record) Record { // a change by somebody who knows the rule
		r.Body = bytes.Replace(r.Body, []byte("ada@"), []byte("eve@"), 1)
		return r
	}
	tests := []struct {
		name  string
		harm  func([]Record) []Record
		want  *Head
		seq   int64
		fault Fault
	}{
		{"body changed", func(rs []Record) []Record { rs[4] = forged(rs[4]); return rs }, nil, 5, Changed},
		{"hash changed", func(rs []Record) []Record { rs[4].Hash[0]++; return rs }, nil, 5, Changed},
		{"body and hash changed", func(rs []Record) []Record {
			rs[4] = rs[3].Head().Next(forged(rs[4]).Body)
			return rs
		}, nil, 6, Changed},
		{"one cut out", func(rs []Record) []Record { return slices.Delete(rs, 4, 5) }, nil, 5, Gap},
		{"cut out and renumbered", func(rs []Record) []Record {
			rs = slices.Delete(rs, 4, 5)
			for i := range rs {
				rs[i].Seq = int64(i + 1)
			}
			return rs
		}, nil, 5, Changed},
		{"head cut", func(rs []Record) []Record { return rs[3:] }, nil, 1, CutHead},
		{"two swapped", func(rs []Record) []Record { rs[4], rs[7] = rs[7], rs[4]; return rs }, nil, 5, Reordered},
		{"two swapped and renumbered", func(rs []Record) []Record {
			rs[4], rs[7] = rs[7], rs[4]
			rs[4].Seq, rs[7].Seq = 5, 8
			return rs
		}, nil, 5, Changed},
		{"one twice", func(rs []Record) []Record { return slices.Insert(rs, 5, rs[4]) }, nil, 5, Reordered},
		{"tail cut", func(rs []Record) []Record { return rs[:6] }, new(logOf(10)[9].Head()), 7, CutTail},
		{"all gone", func([]Record) []Record { return nil }, new(logOf(10)[9].Head()), 1, CutTail},
		{"all rewritten", func(rs []Record) []Record {
			var head Head
			for i, r := range rs {
				rs[i] = head.Next(forged(r).Body)
				head = rs[i].Head()
			}
			return rs
		}, new(logOf(10)[6].Head()), 7, Rewritten},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Verify(seq(test.harm(logOf(10))), test.want)
			var broken *BrokenError
			if !errors.As(err, &broken) {
				t.Fatalf("got %v, want a broken log", err)
			}
			if broken.Seq != test.seq || broken.Fault != test.fault {
				t.Errorf("got event %d %s, want %d %s (%v)", broken.Seq, broken.Fault, test.seq, test.fault, err)
			}
		})
	}
}

// TestVerifyFindsAnyHarm harms a log in one or more ways at random. With the
// head remembered, none goes unseen.
func TestVerifyFindsAnyHarm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		whole := logOf(rapid.IntRange(1, 12).Draw(t, "events"))
		head := whole[len(whole)-1].Head()
		harmed := slices.Clone(whole)
		for range rapid.IntRange(1, 4).Draw(t, "harms") {
			harmed = harm(t, harmed)
		}
		same := slices.EqualFunc(whole, harmed, func(a, b Record) bool {
			return a.Seq == b.Seq && a.Hash == b.Hash && bytes.Equal(a.Body, b.Body)
		})
		_, err := Verify(seq(harmed), &head)
		if same != (err == nil) {
			t.Fatalf("same %v, verify %v", same, err)
		}
	})
}

func harm(t *rapid.T, rs []Record) []Record {
	if len(rs) == 0 {
		return rs
	}
	i := rapid.IntRange(0, len(rs)-1).Draw(t, "at")
	j := rapid.IntRange(0, len(rs)-1).Draw(t, "and")
	switch rapid.SampledFrom([]string{"byte", "hash", "seq", "delete", "swap", "insert", "cut"}).Draw(t, "harm") {
	case "byte":
		body := bytes.Clone(rs[i].Body)
		body[rapid.IntRange(0, len(body)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		rs[i].Body = body
	case "hash":
		rs[i].Hash[rapid.IntRange(0, len(Hash{})-1).Draw(t, "byte")]++
	case "seq":
		rs[i].Seq += rapid.Int64Range(-3, 3).Draw(t, "by")
	case "delete":
		rs = slices.Delete(rs, i, i+1)
	case "swap":
		rs[i], rs[j] = rs[j], rs[i]
	case "insert":
		rs = slices.Insert(rs, i, rs[j])
	case "cut":
		rs = rs[:i]
	}
	return rs
}

func TestVerifyPassesErrorsOn(t *testing.T) {
	t.Parallel()
	lost := errors.New("disk lost")
	_, err := Verify(func(yield func(Record, error) bool) { yield(Record{}, lost) }, nil)
	if !errors.Is(err, lost) {
		t.Errorf("got %v, want %v", err, lost)
	}
}

func TestExportImport(t *testing.T) {
	t.Parallel()
	want := logOf(20)
	var file bytes.Buffer
	if err := Export(&file, seq(want)); err != nil {
		t.Fatal(err)
	}
	var got []Record
	for r, err := range Import(bytes.NewReader(file.Bytes())) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := Verify(Import(&file), new(want[19].Head())); err != nil {
		t.Error(err)
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	if err := Export(&file, seq(logOf(2))); err != nil {
		t.Fatal(err)
	}
	good := file.String()
	for name, text := range map[string]string{
		"not JSON":       good + "hello\n",
		"a cut line":     good[:len(good)-9],
		"another file":   good + `{"kind":"held"}` + "\n",
		"two in a line":  strings.Replace(good, "\n", "", 1),
		"no sequence":    strings.Replace(good, `"seq":2,`, "", 1),
		"short hash":     strings.Replace(good, `"hash":"`, `"hash":"00`, 1),
		"unknown fields": strings.Replace(good, `"seq":2,`, `"seq":2,"also":1,`, 1),
	} {
		_, err := Verify(Import(strings.NewReader(text)), nil)
		if err == nil || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%s: got %v, want an error with its line", name, err)
		}
	}
}

func TestHeadText(t *testing.T) {
	t.Parallel()
	want := logOf(3)[2].Head()
	got, err := ParseHead(want.String())
	if err != nil || got != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"", "3", "3:", "x:" + want.Hash.String(), "-1:" + want.Hash.String(), "3:" + strings.ToUpper(want.Hash.String()) + "F"} {
		if h, err := ParseHead(bad); err == nil {
			t.Errorf("%q was read as %v", bad, h)
		}
	}
}
