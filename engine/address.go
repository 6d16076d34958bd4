package engine

import (
	"unicode"
	"unicode/utf8"
)

// longestAddress is how many octets an address has at most (RFC 5321, 4.5.3.1.3,
// without the brackets of a path).
const longestAddress = 254

func beyondASCII(r rune) bool { return r >= utf8.RuneSelf }

// ambiguous reports whether a character of a lower-cased address can be written in
// another way that means the same: a mark apart from its letter, a letter in
// another shape or place, or what is no letter at all. Two spellings of one
// address would be two people, and whoever compares addresses may take them for
// one.
func ambiguous(r rune) bool {
	return beyondASCII(r) && (!unicode.IsLetter(r) || unicode.ToLower(unicode.ToUpper(r)) != r || unicode.Is(respelled(), r))
}

// respelled are the letters that Unicode normalisation (form KC, which knows no
// shapes) replaces, or joins with the one before.
func respelled() *unicode.RangeTable {
	return &unicode.RangeTable{
		R16: []unicode.Range16{
			{0x00aa, 0x00ba, 0x10}, {0x0132, 0x0133, 1}, {0x013f, 0x0140, 1}, {0x0149, 0x0149, 1}, {0x01c4, 0x01cc, 1}, {0x01f1, 0x01f3, 1}, // Latin
			{0x02b0, 0x02e4, 1},                                           // small letters above the line
			{0x0374, 0x0374, 1}, {0x037a, 0x037a, 1}, {0x03d0, 0x03f9, 1}, // Greek
			{0x0587, 0x0587, 1}, {0x0675, 0x0678, 1}, // Armenian, Kazakh
			{0x0958, 0x095f, 1}, {0x09dc, 0x09df, 1}, {0x0a33, 0x0a36, 3}, {0x0a59, 0x0a5e, 1}, {0x0b5c, 0x0b5d, 1}, // of India
			{0x0e33, 0x0e33, 1}, {0x0eb3, 0x0eb3, 1}, {0x0edc, 0x0edd, 1}, // Thai, Lao
			{0x0f43, 0x0f69, 1}, {0x10fc, 0x10fc, 1}, // Tibetan, Georgian
			{0x1100, 0x11ff, 1},                                           // parts of Korean syllables
			{0x1d2c, 0x1dbf, 1}, {0x1e9a, 0x1e9b, 1}, {0x1f71, 0x1fff, 1}, // above the line; Latin; Greek with accents
			{0x2071, 0x2188, 1}, {0x2c7c, 0x2c7d, 1}, {0x2d6f, 0x2d6f, 1}, // signs; above and below the line
			{0x309f, 0x309f, 1}, {0x30ff, 0x30ff, 1}, {0x3131, 0x318e, 1}, // two letters in one; Korean by itself
			{0xa69c, 0xa69d, 1}, {0xa770, 0xa770, 1}, {0xa7f1, 0xa7f9, 1}, // above the line
			{0xa960, 0xa97f, 1}, {0xab5c, 0xab69, 1}, {0xd7b0, 0xd7ff, 1}, // parts of Korean syllables; above the line
			{0xf900, 0xffff, 1}, // forms for older encodings
		},
		R32: []unicode.Range32{
			{0x10780, 0x107ba, 1}, {0x1d400, 0x1d7ff, 1}, // above the line; mathematics
			{0x1e030, 0x1e06d, 1}, {0x1ee00, 0x1eebb, 1}, // the same, of other alphabets
			{0x2f800, 0x2fa1f, 1}, // Chinese for older encodings
		},
		LatinOffset: 1,
	}
}
