package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Export writes records as JSON lines that [Import] and [Verify] can check
// offline, and that any tool can read:
//
//	{"seq":1,"hash":"…","event":{"at":"…","kind":"run-started"}}
//
// The event is written byte for byte as it stands in the log.
func Export(w io.Writer, records iter.Seq2[Record, error]) error {
	b := bufio.NewWriter(w)
	for r, err := range records {
		if err != nil {
			return errors.Join(err, b.Flush())
		}
		if _, err := fmt.Fprintf(b, "{\"seq\":%d,\"hash\":%q,\"event\":%s}\n", r.Seq, r.Hash, r.Body); err != nil {
			return fmt.Errorf("export event %d: %w", r.Seq, err)
		}
	}
	return b.Flush()
}

// line is one line of an export. RawMessage keeps the event's bytes as they
// are; anything else would break the chain.
type line struct {
	Seq   *int64          `json:"seq"`
	Hash  *string         `json:"hash"`
	Event json.RawMessage `json:"event"`
}

// Import reads what Export wrote. A line that is not one of an export ends the
// sequence with an error that names the line.
func Import(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		br := bufio.NewReader(r)
		for n := 1; ; n++ {
			text, err := br.ReadBytes('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Record{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if len(bytes.TrimSpace(text)) > 0 {
				rec, bad := parseLine(text)
				if bad != nil {
					yield(Record{}, fmt.Errorf("line %d: %w", n, bad))
					return
				}
				if !yield(rec, nil) {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
}

func parseLine(text []byte) (Record, error) {
	var l line
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return Record{}, fmt.Errorf("not a line of an audit export: %w", err)
	}
	if l.Seq == nil || l.Hash == nil || l.Event == nil {
		return Record{}, errors.New("not a line of an audit export: seq, hash or event is missing")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Record{}, errors.New("not a line of an audit export: something follows the record")
	}
	h, err := ParseHash(*l.Hash)
	if err != nil {
		return Record{}, err
	}
	return Record{Seq: *l.Seq, Hash: h, Body: l.Event}, nil
}
