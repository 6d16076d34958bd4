package store

import (
	"database/sql"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// escape stands before a byte, as two hex digits, that a text column of
// PostgreSQL cannot hold. It is a code point that Unicode keeps for the inside
// of programs: no directory uses it.
const escape = "\ufdd0"

// plain is text as a column holds it: the same, unless there is a NUL in it, or
// what is no UTF-8. Logins and references of some directories are bytes.
func plain(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 && !strings.Contains(s, escape) {
		return s
	}
	var b strings.Builder
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if r == 0 || r == utf8.RuneError && n == 1 || s[:n] == escape {
			for i := range n {
				b.WriteString(escape + hex.EncodeToString([]byte{s[i]}))
			}
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// original takes back what plain did.
func original(s string) string {
	if !strings.Contains(s, escape) {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, escape)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if bad, err := hex.DecodeString(after[:min(2, len(after))]); err == nil && len(bad) == 1 {
			b.Write(bad)
			s = after[2:]
		} else {
			b.WriteString(escape) // not of our making
			s = after
		}
	}
}

// columns returns the arguments of a statement with every text plain. The
// caller's own stay as they are: it may use them again.
func columns(args []any) []any {
	all := slices.Clone(args)
	for i, a := range all {
		if s, ok := a.(string); ok {
			all[i] = plain(s)
		}
	}
	return all
}

// row is a row as a scan function reads it: texts come back as they were given.
type row struct{ *sql.Rows }

// Scan reads the row.
func (r row) Scan(dest ...any) error {
	if err := r.Rows.Scan(dest...); err != nil {
		return err
	}
	for _, d := range dest {
		v := reflect.ValueOf(d)
		if v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.String {
			if s := v.Elem().String(); strings.Contains(s, escape) {
				v.Elem().SetString(original(s))
			}
		}
	}
	return nil
}
