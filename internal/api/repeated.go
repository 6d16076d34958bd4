package api

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// repeated returns the way to the first key in a text of JSON that its object
// has already: one of the two values would be dropped without a word. It returns
// nil for what is no JSON too, which others tell.
func repeated(text []byte) []string {
	at, _ := inValue(json.NewDecoder(bytes.NewReader(text)), folded) // the fields of a body are read in any case
	slices.Reverse(at)
	return at
}

// inValue is repeated for the next value, with the innermost part first. Keys of
// an object are the same when name says so.
func inValue(d *json.Decoder, name func(string) string) ([]string, error) {
	asWritten := func(key string) string { return key }
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		for i := 0; d.More(); i++ {
			at, err := inValue(d, asWritten)
			if err != nil {
				return nil, err
			}
			if at != nil {
				return append(at, strconv.Itoa(i)), nil
			}
		}
	case json.Delim('{'):
		seen := make(map[string]bool)
		for d.More() {
			token, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, _ := token.(string) // the decoder takes nothing else
			if seen[name(key)] {
				return []string{key}, nil
			}
			seen[name(key)] = true
			at, err := inValue(d, asWritten)
			if err != nil {
				return nil, err
			}
			if at != nil {
				return append(at, key), nil
			}
		}
	default:
		return nil, nil
	}
	_, err = d.Token()
	return nil, err
}

// folded is what all keys become that encoding/json takes for one field.
func folded(key string) string {
	return strings.Map(func(c rune) rune {
		for {
			next := unicode.SimpleFold(c)
			if next <= c {
				return next
			}
			c = next
		}
	}, key)
}
