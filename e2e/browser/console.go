package browser

import (
	"fmt"
	"strings"
	"sync"

	jsonv2 "github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// console keeps what the browser says about a page in its console: errors and
// warnings of scripts, violations of the content security policy, resources
// that could not be loaded.
type console struct {
	mu       sync.Mutex
	lines    []complaint
	refused  map[string]bool // documents that came with an HTTP error
	forgiven int             // how many of lines were read
}

type complaint struct{ source, text, url string }

func (c complaint) String() string {
	s := c.source + ": " + c.text
	if c.url != "" {
		s += " (" + c.url + ")"
	}
	return s
}

// listen runs where the messages of the browser are read: what happened before
// the reply to a command is known when the command returns.
func (c *console) listen(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			c.lines = append(c.lines, complaint{string(e.Entry.Source), e.Entry.Text, e.Entry.URL})
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			c.lines = append(c.lines, complaint{source: "console." + string(e.Type), text: spoken(e.Args)})
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		c.lines = append(c.lines, complaint{"exception", text, e.ExceptionDetails.URL})
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument && e.Response.Status >= 400 {
			if c.refused == nil {
				c.refused = map[string]bool{}
			}
			c.refused[e.Response.URL] = true
		}
	}
}

// take returns what was not taken before. A page that is an HTTP error is no
// complaint: its status says so.
func (c *console) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for _, l := range c.lines[c.forgiven:] {
		if l.source != string(log.EntrySourceNetwork) || !c.refused[l.url] {
			lines = append(lines, l.String())
		}
	}
	c.forgiven = len(c.lines)
	return lines
}

// spoken is what a call of the console said.
func spoken(args []*runtime.RemoteObject) string {
	var words []string
	for _, a := range args {
		var s string
		switch {
		case jsonv2.Unmarshal(a.Value, &s) == nil:
			words = append(words, s)
		case a.Description != "":
			words = append(words, a.Description)
		default:
			words = append(words, string(a.Value))
		}
	}
	return strings.Join(words, " ")
}

// Complaints returns what the browser complained about since the last call:
// errors in the console, exceptions, violations of the content security
// policy, resources that did not load. What nobody asks for fails the test at
// its end.
func (p *Page) Complaints() []string {
	p.t.Helper()
	evaluate[int](p, "1") // its reply comes after what was said before
	return p.heard.take()
}

// finish is the cleanup of every page.
func (p *Page) finish() {
	p.t.Helper()
	_, _ = try[int](p, "1") // a page that is gone said all it had to say
	for _, c := range p.heard.take() {
		p.t.Errorf("browser: the page complained: %s", c)
	}
	if p.t.Failed() {
		text, err := p.text()
		p.t.Log(fmt.Sprintf("browser: at the end the page shows %q", text), err)
	}
}
