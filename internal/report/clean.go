package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns s with everything escaped that would not be seen, or that
// would change how the rest is seen: control characters, ANSI escapes, line
// breaks, bidirectional overrides, invisible fillers and broken UTF-8. What is
// left prints on one line. Escapes are written as in Go: \n, \x1b, \u202e.
func Clean(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case shown(r):
			b.WriteRune(r)
		default:
			b.WriteString(escape(r))
		}
		i += n
	}
	return b.String()
}

// plain reports whether s is printable ASCII, which most names are.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// shown reports whether r is seen as itself. Spaces other than the ASCII one
// are not: they pass for it.
func shown(r rune) bool {
	switch {
	case !unicode.IsPrint(r):
		return false
	case unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), unicode.Is(unicode.Variation_Selector, r):
		return false // Hangul fillers and the like: letters by name, blank by looks
	}
	return r != '\u2800' // the empty Braille pattern
}

func escape(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// lines splits an error's text where errors.Join did, and cleans each line.
func lines(s string) []string {
	ls := strings.Split(strings.TrimSpace(s), "\n")
	for i := range ls {
		ls[i] = Clean(ls[i])
	}
	return ls
}
