package entratest

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// place is where a listing goes on: what a page token says.
type place struct {
	list  string // of what
	after int64  // the last entry that was shown; -1 before the first
	page  int    // how many pages there were, empty ones included
	run   int64  // which listing it is: no two have a token in common
	bad   bool   // the token came of a page that was asked for twice
}

func (p place) token() string {
	flag := "g"
	if p.bad {
		flag = "b"
	}
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s|%d|%d|%d|%s", p.list, p.after, p.page, p.run, flag))
}

const tokenNotFound = "DirectoryPageTokenNotFoundException"

// place reads $skiptoken, or starts at the beginning of a list.
func (c *call) place(list string) (place, *failure) {
	token := c.query.Get("$skiptoken")
	if !c.query.Has("$skiptoken") {
		return place{list: list, after: -1, run: c.s.serial.Add(1)}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	parts := strings.Split(string(b), "|")
	if err != nil || len(parts) != 5 || parts[0] != list {
		c.violation("$skiptoken is not one of this listing")
		return place{}, badRequest("The specified page token value has expired and can no longer be included in your request.")
	}
	p := place{list: list, bad: parts[4] == "b"}
	p.after, _ = strconv.ParseInt(parts[1], 10, 64)
	p.page, _ = strconv.Atoi(parts[2])
	p.run, _ = strconv.ParseInt(parts[3], 10, 64)
	if p.bad {
		return place{}, fail(400, tokenNotFound, "Page token value provided can not be found.")
	}
	p.bad = c.s.askedTwice(token)
	return p, nil
}

// askedTwice tells whether a token was used before.
func (s *Server) askedTwice(token string) bool {
	if !s.opts.RetriedTokens {
		return false
	}
	s.notes.Lock()
	defer s.notes.Unlock()
	twice := s.notes.spent[token]
	s.notes.spent[token] = true
	return twice
}

// rest returns the part of a sorted list that the next page shows, and where
// the one after it goes on; more is false on the last page.
func (c *call) rest(keys []uint32, at place, size int) (page []uint32, next place, more bool) {
	next = at
	next.page++
	start := 0
	if at.after >= 0 {
		start, _ = slices.BinarySearchFunc(keys, at.after, func(k uint32, after int64) int { return compare(int64(k), after+1) })
	}
	if c.s.opts.OverlapPages && start > 0 && size > 1 {
		start--
	}
	page = keys[start:]
	if n := c.s.opts.EmptyPages; n > 0 && next.page%(n+1) == 0 && len(page) > 0 {
		return nil, next, true
	}
	if len(page) > size {
		page = page[:size]
		next.after = int64(page[size-1])
		return page, next, true
	}
	return page, next, false
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// size is how many entries a page has: 100, or $top.
func (c *call) size() int {
	if top, err := strconv.Atoi(c.query.Get("$top")); err == nil {
		return top
	}
	return 100
}

// link is where a listing goes on, under the address that the client used and
// with the options that it gave.
func (c *call) link(next place) string {
	var b strings.Builder
	b.WriteString(root(c.r))
	b.WriteString(c.r.URL.EscapedPath())
	sep := "?"
	for _, name := range []string{"$count", "$expand", "$filter", "$orderby", "$search", "$select", "$top"} {
		if c.query.Has(name) {
			b.WriteString(sep + name + "=" + strings.ReplaceAll(url.QueryEscape(c.query.Get(name)), "%2C", ","))
			sep = "&"
		}
	}
	b.WriteString(sep + "$skiptoken=" + next.token())
	return b.String()
}
