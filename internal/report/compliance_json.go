package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

type groupJSON struct {
	Directory   engine.Directory `json:"directory"`
	Group       string           `json:"group"`
	GroupID     engine.GroupID   `json:"groupID"`
	Trust       engine.Trust     `json:"trust"`
	Note        string           `json:"note,omitempty"`
	Desired     int              `json:"desired"`
	Actual      *int             `json:"actual"` // null where the group was not read
	Explained   int              `json:"explained"`
	Unexplained int              `json:"unexplained"`
	Unknown     int              `json:"unknown"`
}

type rowJSON struct {
	Directory engine.Directory `json:"directory"`
	Group     string           `json:"group"`
	GroupID   engine.GroupID   `json:"groupID"`
	Person    engine.Person    `json:"person,omitempty"`
	Login     string           `json:"login,omitempty"`
	Member    engine.MemberID  `json:"member,omitempty"`
	Kind      string           `json:"kind"`
	Desired   Fact             `json:"desired"`
	Actual    Fact             `json:"actual"`
	State     State            `json:"state"`
	Verdict   Verdict          `json:"verdict"`
	Why       string           `json:"why"`
	Grant     engine.GrantID   `json:"grant,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	Until     time.Time        `json:"until,omitzero"`
	Since     time.Time        `json:"since,omitzero"`
}

// JSON writes the report as scripts read it, version 1: notRead, groups and
// rows, none of them ever null. A row takes one line, and is written when it
// is made.
func (c *Compliance) JSON(w io.Writer, opt Options) error {
	j := jsonWriter{out: bufio.NewWriterSize(w, 64<<10)}
	j.text("{\n  \"version\": 1,\n")
	if !c.AsOf.IsZero() {
		j.text("  \"asOf\": ")
		j.value(c.AsOf.UTC())
		j.text(",\n")
	}
	j.list("notRead", func(item func(any)) {
		for _, n := range c.NotRead {
			item(n)
		}
	})
	j.text(",\n")
	j.list("groups", func(item func(any)) {
		for _, g := range c.Groups {
			actual := &g.Actual
			if !read(g.Trust) {
				actual = nil
			}
			item(groupJSON{
				g.Group.Directory, g.Name, g.Group.ID, g.Trust, g.Note,
				g.Desired, actual, g.Explained, g.Unexplained, g.Unknown,
			})
		}
	})
	j.text(",\n")
	j.list("rows", func(item func(any)) {
		for r := range kept(c.Rows(), opt.Differences) {
			item(rowJSON{
				r.Directory, r.Group, r.GroupID, r.Person, r.Login, r.Member, kindName(r.Kind),
				r.Desired, r.Actual, r.State, r.Verdict, r.Why, r.Grant, r.Reason, r.Until, r.Since,
			})
		}
	})
	j.text("\n}\n")
	if j.err != nil {
		return j.err
	}
	return j.out.Flush()
}

// jsonWriter writes JSON piece by piece. The first error stays.
type jsonWriter struct {
	out *bufio.Writer
	buf bytes.Buffer
	err error
}

func (j *jsonWriter) text(s string) { _, _ = j.out.WriteString(s) } // an error stays in out until Flush

func (j *jsonWriter) value(v any) {
	j.buf.Reset()
	if err := json.NewEncoder(&j.buf).Encode(v); err != nil && j.err == nil {
		j.err = err
	}
	escapeJSON(j.out, bytes.TrimSuffix(j.buf.Bytes(), []byte("\n")))
}

func (j *jsonWriter) list(name string, fill func(item func(any))) {
	j.text("  \"" + name + "\": [")
	n := 0
	fill(func(v any) {
		if n++; n > 1 {
			j.text(",")
		}
		j.text("\n    ")
		j.value(v)
	})
	if n > 0 {
		j.text("\n  ")
	}
	j.text("]")
}
