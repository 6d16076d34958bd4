package entratest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// guid is an object's id.
type guid [16]byte

// newGUID is the n-th id of a tenant: the same one in every run.
func newGUID(seed uint64, what string, n int) guid {
	h := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%d", seed, what, n))
	g := guid(h[:16])
	g[6] = g[6]&0x0f | 0x40
	g[8] = g[8]&0x3f | 0x80
	return g
}

// parseGUID takes the usual form, in any case.
func parseGUID(s string) (g guid, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return guid{}, false
	}
	var digits [32]byte
	n := 0
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		digits[n] = s[i]
		n++
	}
	_, err := hex.Decode(g[:], digits[:])
	return g, err == nil
}

func (g guid) String() string { return string(g.append(nil)) }

func (g guid) append(b []byte) []byte {
	for i, part := range [][]byte{g[:4], g[4:6], g[6:8], g[8:10], g[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return b
}
