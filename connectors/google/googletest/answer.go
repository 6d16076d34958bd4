package googletest

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
)

// obj is a JSON object whose fields keep their order, so that a mask can be
// laid over it. Values are string, lazy, bool, int, json.RawMessage, obj,
// []obj or []string.
type obj []prop

type prop struct {
	name  string
	value any
}

// lazy is a string that is made only when it is shown: a listing of members
// is mostly read without its tags.
type lazy func() string

// opt adds a field unless it is empty: Google leaves such fields out.
func (o obj) opt(name string, value any) obj {
	switch v := value.(type) {
	case string:
		if v == "" {
			return o
		}
	case []string:
		if len(v) == 0 {
			return o
		}
	case []obj:
		if len(v) == 0 {
			return o
		}
	}
	return append(o, prop{name, value})
}

// optional adds an object unless it is empty.
func (o obj) optional(name string, inner obj) obj {
	if len(inner) == 0 {
		return o
	}
	return append(o, prop{name, inner})
}

// notModified is the answer to a client that has it already.
type notModified struct{}

// unchanged reports whether the client has an answer already. Listings are
// always sent: whether Google spares them is not documented.
func unchanged(rt *route, r *http.Request, o obj) bool {
	have := r.Header.Get("If-None-Match")
	return have != "" && strings.HasSuffix(rt.name, ".get") && have == o.etag()
}

func (o obj) etag() string {
	for _, p := range o {
		if p.name != "etag" {
			continue
		}
		switch tag := p.value.(type) {
		case string:
			return tag
		case lazy:
			return tag()
		}
	}
	return ""
}

// listTag is the tag of a page, made of those in it.
func listTag(items []obj) lazy {
	return func() string {
		var tags []any
		for _, o := range items {
			tags = append(tags, o.etag())
		}
		return etag(tags...)
	}
}

// etag makes a tag of what a resource consists of.
func etag(parts ...any) string {
	h := fnv.New64a()
	_, _ = fmt.Fprintln(h, parts...)
	return `"daypass/` + strconv.FormatUint(h.Sum64(), 36) + `"`
}

// appendJSON writes a value, as far as the mask shows it.
func appendJSON(b []byte, value any, m *mask) []byte {
	switch v := value.(type) {
	case obj:
		return appendObject(b, v, m)
	case []obj:
		return appendList(b, v, func(b []byte, o obj) []byte { return appendObject(b, o, m) })
	case []string:
		return appendList(b, v, appendString)
	case string:
		return appendString(b, v)
	case lazy:
		return appendString(b, v())
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case json.RawMessage:
		return append(b, v...)
	}
	panic(fmt.Sprintf("googletest: no JSON for %T", value))
}

func appendObject(b []byte, o obj, m *mask) []byte {
	b = append(b, '{')
	first := true
	for _, p := range o {
		inner, shown := m.field(p.name)
		if !shown {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendString(b, p.name)
		b = append(b, ':')
		b = appendJSON(b, p.value, inner)
	}
	return append(b, '}')
}

func appendList[T any](b []byte, list []T, each func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = each(b, v)
	}
	return append(b, ']')
}

func appendString(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string is always JSON
	}
	return append(b, text...)
}

// write sends an answer, or the error in its API's shape.
func write(w http.ResponseWriter, a api, m *mask, answer any, err error) {
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		refused.write(w, a)
		return
	case err != nil:
		panic(err) // handlers refuse, or they answer
	}
	switch o := answer.(type) {
	case notModified:
		w.WriteHeader(http.StatusNotModified)
	case empty:
		w.WriteHeader(int(o))
	default:
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		_, _ = w.Write(append(appendJSON(nil, answer, m), '\n'))
	}
}

// empty is the answer that has a status and nothing else.
type empty int

// blank makes a listing empty as Google does: the list is left out.
func blank(_ *http.Request, _ http.Header, body []byte) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return body
	}
	for name, v := range object {
		if name == "nextPageToken" || strings.HasPrefix(string(v), "[") {
			delete(object, name)
		}
	}
	text, err := json.Marshal(object)
	if err != nil {
		return body
	}
	return text
}
