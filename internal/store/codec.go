package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// micros is a time as a column holds it: unix microseconds, NULL for none.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// whole is t as it will come back from a column.
func whole(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// stamp scans what micros wrote.
type stamp struct{ t *time.Time }

// Scan implements sql.Scanner.
func (s stamp) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*s.t = time.Time{}
	case int64:
		*s.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("%T where a time was expected", v)
	}
	return nil
}

// list is a slice as a column holds it. An empty one and none are the same.
func list[T any](s []T) (string, error) {
	if len(s) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(s)
	return string(b), err
}

// jsonList scans what list wrote.
type jsonList[T any] struct{ s *[]T }

// Scan implements sql.Scanner.
func (l jsonList[T]) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("%T where a list was expected", v)
	}
	*l.s = nil
	if text == "[]" {
		return nil
	}
	return json.Unmarshal([]byte(text), l.s)
}

// anchorList writes anchors with their ends in UTC.
func anchorList(as []engine.Anchor) (string, error) {
	utc := make([]engine.Anchor, len(as))
	for i, a := range as {
		utc[i] = engine.Anchor{Grant: a.Grant, Until: a.Until.UTC()}
	}
	return list(utc)
}
