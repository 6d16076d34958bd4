package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
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
		n := 0
		for n < len(b) && b[n] < 0x7f {
			n++
		}
		_, _ = w.Write(b[:n]) // an error stays in w until Flush
		if b = b[n:]; len(b) == 0 {
			return
		}
		r, size := utf8.DecodeRune(b)
		switch {
		case shown(r):
			_, _ = w.Write(b[:size])
		case r >= 0x10000:
			hi, lo := utf16.EncodeRune(r)
			_, _ = fmt.Fprintf(w, `\u%04x\u%04x`, hi, lo)
		default:
			_, _ = fmt.Fprintf(w, `\u%04x`, r)
		}
		b = b[size:]
	}
}
