package engine

import "unicode"

// longestAddress is how many octets an address has at most (RFC 5321, 4.5.3.1.3,
// without the brackets of a path).
const longestAddress = 254

// ambiguous reports whether a character of an address can be written in another
// way that means the same: a mark apart from its letter, the parts of a Korean
// syllable, or a form that is kept for older encodings only. Two spellings of one
// address would be two people, and whoever compares addresses may take them for
// one.
func ambiguous(r rune) bool {
	return r >= 0x300 && (unicode.Is(unicode.M, r) || unicode.Is(respelled(), r))
}

// respelled are the characters, beside marks, that Unicode normalisation (form C)
// replaces, or joins with the one before.
func respelled() *unicode.RangeTable {
	return &unicode.RangeTable{
		R16: []unicode.Range16{
			{0x0374, 0x0374, 1}, {0x037e, 0x037e, 1}, {0x0387, 0x0387, 1}, // Greek
			{0x0958, 0x095f, 1}, {0x09dc, 0x09df, 1}, {0x0a33, 0x0a36, 3}, {0x0a59, 0x0a5e, 1}, {0x0b5c, 0x0b5d, 1}, // of India
			{0x0f43, 0x0f69, 1},                      // Tibetan
			{0x1100, 0x11ff, 1}, {0x1f71, 0x1fff, 1}, // parts of Korean syllables; Greek with accents
			{0x2000, 0x2001, 1}, {0x2126, 0x212b, 1}, {0x2329, 0x232a, 1}, {0x2adc, 0x2adc, 1}, // signs
			{0xa960, 0xa97f, 1}, {0xd7b0, 0xd7ff, 1}, // parts of Korean syllables
			{0xf900, 0xfb4f, 1}, // forms for older encodings
		},
		R32: []unicode.Range32{{0x1d15e, 0x1d1c0, 1}, {0x2f800, 0x2fa1f, 1}}, // musical notes; Chinese for older encodings
	}
}
