package sources

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// yaml reads a file with one key, grants, which holds a list. A large file is
// read piece by piece: a tree of nodes takes some thirty times the room of its
// text.
func (r *reader) yaml(ctx context.Context, data []byte) {
	r.yamlIn(ctx, data, pieceSize)
}

func (r *reader) yamlIn(ctx context.Context, data []byte, size int) {
	if pieces, ok := cut(data, size); ok && r.pieces(ctx, pieces) {
		return
	}
	root, ok := r.document(data)
	if !ok {
		return
	}
	if list := r.list(root); list != nil {
		r.items(list, 0)
	}
}

// pieces reads a file that was cut between entries. When a piece is not a list
// by itself, the cut was wrong, or the file is: then nothing is kept and it
// reports false, and the file is read whole.
func (r *reader) pieces(ctx context.Context, pieces []piece) bool {
	grants, errs := len(r.grants), len(r.errs)
	for _, p := range pieces {
		if ctx.Err() != nil {
			return true
		}
		root, err := decode(p.text)
		if err != nil || root.Kind != yaml.SequenceNode {
			r.forget(grants, errs)
			return false
		}
		r.items(root, p.line)
	}
	return true
}

// forget takes back what the present file has given so far.
func (r *reader) forget(grants, errs int) {
	for _, g := range r.grants[grants:] {
		delete(r.seen, g.ID)
	}
	r.grants, r.errs = r.grants[:grants], r.errs[:errs]
}

var (
	errEmpty  = errors.New("is empty; write grants: [] if there are none")
	errSecond = errors.New("a second document begins here; one file holds one list of grants")
)

// decode returns the root of the only document.
func decode(data []byte) (*yaml.Node, error) {
	l, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var doc, second yaml.Node
	if err := l.Load(&doc); err != nil {
		return nil, err
	}
	switch err := l.Load(&second); {
	case err == nil:
		return &second, errSecond
	case !errors.Is(err, io.EOF):
		return nil, err
	case len(doc.Content) == 0:
		return nil, io.EOF
	}
	return doc.Content[0], nil
}

// document returns the root of the file, or reports why there is none.
func (r *reader) document(data []byte) (*yaml.Node, bool) {
	root, err := decode(data)
	var syntax *yaml.LoadError
	switch {
	case err == nil:
		return root, true
	case errors.Is(err, io.EOF):
		r.fail(mark{1, 1}, "%v", errEmpty)
	case errors.Is(err, errSecond):
		r.fail(markOf(root, 0), "%v", err)
	case errors.As(err, &syntax):
		r.fail(mark{syntax.Mark.Line, syntax.Mark.Column}, "%s", explain(syntax))
	default:
		r.fail(mark{}, "%v", err)
	}
	return nil, false
}

// explain puts the parser's message into words.
func explain(e *yaml.LoadError) string {
	if strings.Contains(e.Message, "cannot start any token") {
		return "a value cannot begin like this; indent with spaces, never tabs, and quote text that begins with @ or a backtick"
	}
	if m := e.ContextMark; e.ContextMsg != "" && m.Line > 0 {
		return fmt.Sprintf("%s (%s that began at %d:%d)", e.Message, e.ContextMsg, m.Line, m.Column)
	}
	return e.Message
}

// list returns the value of grants.
func (r *reader) list(root *yaml.Node) *yaml.Node {
	if root.Kind != yaml.MappingNode {
		r.fail(markOf(root, 0), "begins with %s; write grants: and a list below it", kindOf(root))
		return nil
	}
	var list *yaml.Node
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		switch {
		case key.Value != "grants" || key.Kind != yaml.ScalarNode:
			r.fail(markOf(key, 0), "unknown key %q; a grant file holds grants and nothing else", key.Value)
		case list != nil:
			r.fail(markOf(key, 0), "grants is written twice; join the lists")
		case !r.plain(value, 0):
			return nil
		case value.Kind != yaml.SequenceNode:
			r.fail(markOf(value, 0), "grants must be a list, not %s; write grants: [] if there are none", kindOf(value))
			return nil
		default:
			list = value
		}
	}
	if list == nil {
		r.fail(markOf(root, 0), "grants is missing; write grants: [] if there are none")
	}
	return list
}

func (r *reader) items(list *yaml.Node, line int) {
	for _, item := range list.Content {
		r.item(item, line)
	}
}

// item reads one entry; line is where its piece begins, less one.
func (r *reader) item(n *yaml.Node, line int) {
	if !r.plain(n, line) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(markOf(n, line), "a grant must be a mapping (person: ...), not %s", kindOf(n))
		return
	}
	before := len(r.errs)
	e := entry{at: markOf(n, line)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		r.pair(&e, n.Content[i], n.Content[i+1], line)
	}
	if len(r.errs) == before {
		r.grant(&e)
	}
}

func (r *reader) pair(e *entry, key, value *yaml.Node, line int) {
	f, ok := fieldOf(key.Value)
	switch {
	case !r.plain(key, line):
	case !ok || key.Kind != yaml.ScalarNode:
		r.fail(markOf(key, line), "unknown key %q%s", key.Value, nearest(key.Value))
	case e.has(f):
		r.fail(markOf(key, line), "%s is written twice", key.Value)
	case !r.plain(value, line):
	case f == hours && value.Kind == yaml.MappingNode:
		e.fields[f] = text{at: markOf(value, line), given: true}
		e.weekly = r.weeklyNode(value, line)
	case value.Kind != yaml.ScalarNode:
		r.fail(markOf(value, line), "%s must be text, not %s", key.Value, kindOf(value))
	case value.Tag == "!!null", value.Value == "":
		r.fail(markOf(value, line), "%s is empty; give it a value or leave it out", key.Value)
	default:
		// The text as it was written: YAML's own idea of a time would accept
		// one without a zone.
		e.fields[f] = text{value: value.Value, at: markOf(value, line), given: true}
	}
}

// plain refuses what makes YAML hard to review: anchors, aliases and tags.
func (r *reader) plain(n *yaml.Node, line int) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fail(markOf(n, line), "aliases (*name) are not supported; write the value out")
	case n.Anchor != "":
		r.fail(markOf(n, line), "anchors (&name) are not supported; write the value out")
	case n.Tag == "!!merge":
		r.fail(markOf(n, line), "merge keys (<<) are not supported; write the values out")
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(markOf(n, line), "tags (!name) are not supported; quote text instead")
	default:
		return true
	}
	return false
}

func markOf(n *yaml.Node, line int) mark { return mark{n.Line + line, n.Column} }

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	}
	return "text"
}
