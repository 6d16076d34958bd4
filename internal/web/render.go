package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/schedule"
)

//go:embed pages
var sources embed.FS

// pages are the templates, each with the frame around it.
type pages struct {
	all     map[string]*template.Template
	version string // of the files beside them
}

func parse() *pages {
	p := &pages{all: make(map[string]*template.Template), version: versionOf(static)}
	names, _ := fs.Glob(sources, "pages/*.html") // the pattern is good
	frame := template.Must(template.New("frame.html").Funcs(words).ParseFS(sources, "pages/frame.html", "pages/parts.html"))
	for _, name := range names {
		short := strings.TrimSuffix(strings.TrimPrefix(name, "pages/"), ".html")
		if short == "frame" || short == "parts" {
			continue
		}
		t := template.Must(template.Must(frame.Clone()).ParseFS(sources, name))
		p.all[short] = t
	}
	return p
}

func versionOf(files fs.FS) string {
	h := sha256.New()
	_ = fs.WalkDir(files, ".", func(path string, e fs.DirEntry, err error) error { // it is embedded
		if err == nil && !e.IsDir() {
			b, _ := fs.ReadFile(files, path)
			h.Write(b)
		}
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// page is what a template gets.
type page struct {
	Title   string
	Name    string // of the template
	Version string
	Signed  bool
	Caller  desk.Caller
	Person  string // how the provider calls the one who is signed in
	Roles   desk.Roles
	Notice  string
	Now     time.Time
	Here    string // the path, to come back to
	Data    any
}

// render writes a page. It is made whole before anything is sent.
func (web *Web) render(c *call, status int, name, title string, data any) {
	ctx := c.r.Context()
	p := page{
		Title: title, Name: name, Version: web.pages.version, Signed: c.signed, Caller: c.caller,
		Now: web.cfg.Now().UTC(), Data: data, Here: c.r.URL.RequestURI(),
	}
	if c.signed {
		p.Person, p.Notice = web.cfg.Auth.Name(ctx), web.cfg.Auth.Told(ctx)
		p.Roles = web.cfg.Desk.Me(ctx, c.caller).Roles
	}
	var b bytes.Buffer
	if err := web.pages.all[name].Execute(&b, p); err != nil {
		web.cfg.Log.Error("a page could not be made", "page", name, "error", err)
		http.Error(c.w, "Something went wrong here. It is in the log.", http.StatusInternalServerError)
		return
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = b.WriteTo(c.w) // whoever went away needs no page
}

// words are what templates say things with.
var words = template.FuncMap{ //nolint:gochecknoglobals // a table
	"at":       at,
	"exactly":  func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05") },
	"relative": report.Relative,
	"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"length":   schedule.FormatDuration, // as it is typed
	"span":     span,                    // as it is read
	"clean":    report.Clean,
	"prose":    prose,
	"sentence": sentence,
	"did":      did,
	"kind":     kind,
	"upper":    upper,
	"who":      access.Who.String,
	"join":     strings.Join,
	"list":     func(items ...string) []string { return items },
	"add":      func(a, b int) int { return a + b },
	"status":   func(v desk.View) state { return stateOf(v) },
	"short":    short,
	"here":     func(name, names string) bool { return slices.Contains(strings.Fields(names), name) },
	"query":    func(s string) template.URL { return template.URL(s) }, // made by values
	"step":     func(r access.Request) int { s, _ := waits(r); return s },
	"extension": func(r access.Request) int {
		_, x := waits(r)
		return x
	},
	"past":     past,
	"times":    times,
	"needed":   needed,
	"decision": func(x desk.Detail) decision { return decision{Detail: x, Back: "/approve"} }, // in the inbox
}

// decision is a form in which an approver decides.
type decision struct {
	desk.Detail
	Tried attempt
	Back  string // where to go on
}

// state is how a request stands, in a word and a colour that only repeats it.
type state struct{ Word, Tone string }

func stateOf(v desk.View) state {
	switch {
	case v.Status == access.Asked && v.Stuck:
		return state{"Waiting in vain", "bad"}
	case v.Status == access.Asked:
		return state{"Waiting for approval", "wait"}
	case v.Status == access.Denied:
		return state{"Denied", "bad"}
	case v.Status == access.Withdrawn:
		return state{"Withdrawn", "off"}
	case v.Status == access.Lapsed:
		return state{"Lapsed", "off"}
	case v.Phase == access.Waiting:
		return state{"Approved, not begun", "wait"}
	case v.Phase == access.Active && v.Held != "":
		return state{"Approved, held by a limit", "bad"}
	case v.Held != "":
		return state{"Ended, removal held by a limit", "bad"}
	case v.Phase == access.Active:
		return state{"Active", "good"}
	case v.Phase == access.Revoked:
		return state{"Ended early", "off"}
	}
	return state{"Ended", "off"}
}

// prose is what people wrote, line by line as they did, and with the characters
// that some languages need. Pages set it apart, by its dir or as a bdi: it may
// be written from right to left.
func prose(s string) string {
	var b strings.Builder
	from := 0
	for i, c := range s {
		if c != '\n' && c != '\t' && !access.Needed(c) {
			continue
		}
		b.WriteString(report.Clean(s[from:i]))
		if c == '\t' {
			b.WriteByte(' ')
		} else {
			b.WriteRune(c)
		}
		from = i + utf8.RuneLen(c)
	}
	return b.String() + report.Clean(s[from:])
}

// did is what an event tells, in a few words.
func did(e engine.Event) string {
	past := map[engine.Op]string{engine.Add: "added", engine.Remove: "removed", engine.Forget: "forgotten"}[e.Op]
	switch {
	case past == "":
		return string(e.Kind)
	case e.Kind == engine.EventHappened:
		return past
	case e.Kind == engine.EventIntended:
		return "to be " + past
	case e.Kind == engine.EventConfirmed:
		return past + ", confirmed"
	case e.Kind == engine.EventFailed:
		return "not " + past
	}
	return string(e.Kind) + " (" + past + ")"
}

// kind is a kind of event in a list to choose from.
func kind(k engine.EventKind) string {
	switch k {
	case engine.EventHappened:
		return "added or removed"
	case engine.EventConfirmed:
		return "added or removed, confirmed"
	case engine.EventFailed:
		return "not added or removed"
	}
	return string(k)
}

// at is an instant in UTC as people read it, to the minute.
func at(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04") }

// span is a length as people read it: "90 minutes", "8 hours", "1 day 12 hours".
func span(d time.Duration) string {
	if d < 2*time.Hour && d%time.Hour != 0 && d%time.Minute == 0 {
		return counted(int64(d/time.Minute), "minute")
	}
	var parts []string
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := d / unit.size; n > 0 {
			parts = append(parts, counted(int64(n), unit.name))
			d %= unit.size
		}
	}
	return strings.Join(parts, " ")
}

func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatInt(n, 10) + " " + noun + "s"
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return strconv.Itoa(n) + " times"
}

// earlier is what the person asked for before this request.
type earlier struct{ Asked, Had int }

func past(x desk.Detail) earlier {
	e := earlier{Had: x.Before.Counts[access.Approved]}
	for _, n := range x.Before.Counts {
		e.Asked += n
	}
	return e
}

// needed is whose approval a step takes.
func needed(s access.Step) string {
	if s.Quorum > 1 {
		return strconv.Itoa(s.Quorum) + " approvals by " + s.Approvers.String()
	}
	return s.Approvers.String()
}

func short(s string) string {
	if len(s) > 14 {
		return s[:14]
	}
	return s
}

func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// sentence is an error as a person reads it.
func sentence(err error) string {
	var all []string
	for _, e := range access.Refusals(err) {
		all = append(all, upper(e.Message)+".")
	}
	if len(all) == 0 {
		return upper(err.Error())
	}
	return strings.Join(all, " ")
}

func values(pairs ...string) string {
	v := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}
