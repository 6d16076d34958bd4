package report

import (
	"bufio"
	"encoding/csv"
	"io"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// header names the columns of the CSV file. Columns are only ever added, at
// the end.
var header = [...]string{ //nolint:gochecknoglobals // a table
	"directory", "group", "groupID", "person", "login", "member", "kind", "desired", "actual",
	"state", "verdict", "why", "grant", "reason", "until", "since",
}

// CSV writes the report as RFC 4180 says, in UTF-8, with a header line. What
// could not be read comes first, as rows with the state "not-read".
//
// Every cell is written so that no spreadsheet takes it for a formula: names
// are shown through [Clean], and a cell that starts with =, +, - or @ (also
// after spaces, also in the full-width forms) gets an apostrophe in front. A
// program that reads the file takes one leading apostrophe away from a cell
// where one of these signs follows.
func (c *Compliance) CSV(w io.Writer, opt Options) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	out := csv.NewWriter(buf)
	out.UseCRLF = true
	_ = out.Write(header[:]) // an error stays in out until Error
	record := make([]string, 0, len(header))
	write := func(cells ...string) {
		record = record[:0]
		for _, s := range cells {
			record = append(record, Cell(s))
		}
		_ = out.Write(record)
	}
	for _, n := range c.NotRead {
		write(string(n.Directory), n.Group, "", "", "", "", "", string(Unknown), string(Unknown),
			"not-read", string(Undecided), n.Kind+": "+n.Message, "", "", "", "")
	}
	for r := range kept(c.Rows(), opt.Differences) {
		write(string(r.Directory), r.Group, string(r.GroupID), string(r.Person), r.Login, string(r.Member), kindName(r.Kind),
			string(r.Desired), string(r.Actual), string(r.State), string(r.Verdict), r.Why, string(r.Grant), r.Reason,
			instant(r.Until), instant(r.Since))
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return err
	}
	return buf.Flush()
}

// Cell returns s as a spreadsheet's cell that is text and nothing else: see
// [Compliance.CSV].
func Cell(s string) string {
	s = Clean(s)
	first := strings.TrimLeft(s, " ")
	for _, sign := range [...]string{"=", "+", "-", "@", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(first, sign) {
			return "'" + s
		}
	}
	return s
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// kindName writes a member's kind; an account is spelled out.
func kindName(k engine.MemberKind) string {
	if k == engine.AccountMember {
		return "account"
	}
	return string(k)
}

func member(r Row) engine.Member { return engine.Member{ID: r.Member, Login: r.Login, Kind: r.Kind} }
