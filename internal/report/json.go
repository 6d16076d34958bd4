package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// writeJSON writes v indented, with a line break at the end. Strings come out
// so that they may be looked at on a terminal: what [Clean] would escape is
// escaped as \uXXXX, which reads back as the same string.
func writeJSON(w io.Writer, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	escapeJSON(out, buf.Bytes())
	return out.Flush()
}

// escapeJSON copies JSON to w. Runes that are not shown can only be inside
// strings, apart from the line breaks of the indentation.
func escapeJSON(w *bufio.Writer, b []byte) {
	for len(b) > 0 {
		if b[0] < 0x7f {
			_ = w.WriteByte(b[0]) // an error stays in w until Flush
			b = b[1:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		switch {
		case shown(r):
			_, _ = w.Write(b[:n])
		case r >= 0x10000:
			hi, lo := (r-0x10000)>>10, (r-0x10000)&0x3ff
			_, _ = fmt.Fprintf(w, `\u%04x\u%04x`, 0xd800+hi, 0xdc00+lo)
		default:
			_, _ = fmt.Fprintf(w, `\u%04x`, r)
		}
		b = b[n:]
	}
}
