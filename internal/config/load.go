package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// fileMax is far above any configuration that people write.
const fileMax = 4 << 20

// Load reads and checks the file at path. The error, if any, joins one [*Error]
// for each thing that is wrong. getenv serves env: references when they are
// revealed, and is os.Getenv when nil; no secret is fetched here.
func Load(path string, getenv func(string) string) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, &Error{File: path, Message: err.Error()}
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, &Error{File: path, Message: err.Error()}
	}
	if getenv == nil {
		getenv = os.Getenv
	}
	c := &Config{Path: full, Dir: filepath.Dir(full)}
	w := newWalker(path)
	w.dir, w.getenv = c.Dir, getenv
	root := w.parse(data)
	if root == nil {
		return nil, join(w.all())
	}
	w.into(root, c, "")
	c.readPolicies(w)
	c.check(w)
	if errs := w.all(); len(errs) > 0 {
		return nil, join(errs)
	}
	c.complete()
	c.warn(w)
	return c, nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	if info.IsDir() {
		return nil, errors.New("is a folder")
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, fileMax+1))
	if err != nil {
		return nil, reason(err)
	}
	if len(data) > fileMax {
		return nil, fmt.Errorf("is larger than %d MB; grants belong in files of their own", fileMax>>20)
	}
	return data, nil
}

// parse returns the root of the one document, or nil after an error.
func (w *walker) parse(data []byte) *yaml.Node {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if m, ok := notUTF8(data); ok {
		w.failAt(m, "", "is not UTF-8; save the file as UTF-8")
		return nil
	}
	l, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		w.syntax(err)
		return nil
	}
	var doc, second yaml.Node
	switch err := l.Load(&doc); {
	case errors.Is(err, io.EOF):
		w.failAt(mark{1, 1}, "", "is empty; begin with %s", w.begin)
		return nil
	case err != nil:
		w.syntax(err)
		return nil
	}
	switch err := l.Load(&second); {
	case err == nil:
		w.failAt(markOf(&second), "", "a second document begins here; one file holds one configuration")
	case !errors.Is(err, io.EOF):
		w.syntax(err)
	}
	if len(w.errs) > 0 || len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

// syntax reports that the text is not YAML. The parser's messages quote no
// values, so no secret can be in them.
func (w *walker) syntax(err error) {
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		w.failAt(mark{}, "", "%v", err)
		return
	}
	m := mark{le.Mark.Line, le.Mark.Column}
	message := le.Message
	if le.ContextMsg != "" && le.ContextMark.Line > 0 {
		message = fmt.Sprintf("%s (%s that began at %d:%d)", message, le.ContextMsg, le.ContextMark.Line, le.ContextMark.Column)
	}
	if strings.Contains(message, "cannot start any token") {
		message = "a value cannot begin like this; indent with spaces, never tabs, and quote text that begins with @ or a backtick"
	}
	w.failAt(m, "", "%s", message)
}

// notUTF8 finds the first byte that is no UTF-8.
func notUTF8(data []byte) (mark, bool) {
	if utf8.Valid(data) {
		return mark{}, false
	}
	m := mark{1, 1}
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 {
			break
		}
		m.col++
		if r == '\n' {
			m = mark{m.line + 1, 1}
		}
		data = data[n:]
	}
	return m, true
}

// complete fills in defaults and makes paths absolute.
func (c *Config) complete() {
	if c.Store == "" {
		c.Store = "sqlite:daypass.db"
	}
	if strings.HasPrefix(c.Store, "sqlite:") {
		c.Store = "sqlite:" + c.abs(c.StorePath())
	}
	if c.Overdue == 0 {
		c.Overdue = Duration(time.Hour)
	}
	if c.Relist == 0 {
		c.Relist = Duration(24 * time.Hour)
	}
	c.Serve.complete()
	if c.Web != nil {
		c.Web.complete()
	}
	c.exclude()
	if c.ReleaseFor == 0 {
		c.ReleaseFor = Duration(24 * time.Hour)
	}
	for _, d := range c.Directories {
		d.settings().complete(c)
	}
}

// warn notes secret files that anybody may read, and a page that nobody looks
// after.
func (c *Config) warn(w *walker) {
	if c.Web != nil {
		c.warnSecret(w, "web.oidc.secret", c.Web.OIDC.Secret)
		if c.Roles.Administrators.Who().Empty() {
			c.warning(w, "web", "nobody is an administrator; name people or groups in roles.administrators")
		}
		if a := c.Roles.Administrators; len(a.Groups) > 0 && len(a.People) == 0 {
			c.warning(w, "roles.administrators.groups", "while their directory does not answer, or when the group is deleted, nobody administers; name a person in roles.administrators.people too")
		}
	}
	c.warnMachines(w)
	c.warnSecret(w, "store", c.storeRef)
	for _, name := range sortedKeys(c.Directories) {
		secrets := c.Directories[name].settings().secrets()
		for _, path := range sortedKeys(secrets) {
			c.warnSecret(w, "directories."+string(name)+path, secrets[path])
		}
	}
}

func (c *Config) warnSecret(w *walker, path string, s Secret) {
	if s.kind != "file" {
		return
	}
	info, err := os.Stat(s.path())
	if err == nil && info.Mode().Perm()&0o004 != 0 {
		c.warning(w, path, "secret %s can be read by everybody; chmod 600 it", s.Ref())
	}
}

func (c *Config) warning(w *walker, path, format string, args ...any) {
	at := w.at(path)
	c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d:%d: %s", w.file, at.line, at.col, fmt.Sprintf(format, args...)))
}
