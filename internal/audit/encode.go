package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Encode returns the canonical bytes of an event: one line of JSON without its
// end, fields in the order of [engine.Event], empty ones left out, times in
// UTC. The same event has the same bytes, in whatever zone its times are
// written. Bytes in a text that are not UTF-8 become U+FFFD.
func Encode(e engine.Event) ([]byte, error) {
	e.At = e.At.UTC()
	e.Due, e.Removed, e.Expires = utc(e.Due), utc(e.Removed), utc(e.Expires)
	if len(e.Grants) > 0 {
		anchors := make([]engine.Anchor, len(e.Grants))
		for i, a := range e.Grants {
			anchors[i] = engine.Anchor{Grant: a.Grant, Until: a.Until.UTC()}
		}
		e.Grants = anchors
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encode %s event: %w", e.Kind, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// Event reads the event back from the body. Fields that a newer daypass wrote
// and this one does not know are left out.
func (r Record) Event() (engine.Event, error) {
	var e engine.Event
	if err := json.Unmarshal(r.Body, &e); err != nil {
		return e, fmt.Errorf("read event %d: %w", r.Seq, err)
	}
	return e, nil
}
