// Package browser drives a headless Chromium the way people do: it finds fields
// by their label and buttons by their name, as a screen reader would, types
// and clicks, and reads what is shown. It also takes screenshots, runs axe, and
// fails a test whose page complained in the console.
package browser

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to do what is expected of it; a loaded
// machine with two cores needs seconds.
const patience = 20 * time.Second

// Browser is one Chromium for all tests of a run. It starts with the first
// page; the zero value is ready for use, by many tests at once.
type Browser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func (b *Browser) start() {
	root, release := chromedp.NewExecAllocator(context.Background(), chromedp.DefaultExecAllocatorOptions[:]...)
	ctx, cancel := chromedp.NewContext(root)
	b.ctx, b.stop = ctx, func() { cancel(); release() }
	b.err = chromedp.Do(ctx)
}

// Close ends Chromium, if it was started; call it in TestMain.
func (b *Browser) Close() {
	b.once.Do(func() {})
	if b.stop != nil {
		b.stop()
	}
}

// Manner says how a page differs from the usual one.
type Manner int

// WithoutJavaScript opens a page that runs no script of its own.
const WithoutJavaScript Manner = iota + 1

// Open opens a page for somebody who was never here: no cookies and no storage
// are shared with any other page. It has the width of a desktop and closes
// with the test, which fails when the page complained and nobody looked
// ([Page.Complaints]).
func (b *Browser) Open(t testing.TB, manners ...Manner) *Page {
	t.Helper()
	if b.once.Do(b.start); b.err != nil {
		t.Fatalf("browser: start Chromium: %v; is it installed? run `make deps`", b.err)
	}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &Page{t: t, ctx: ctx, heard: &console{}}
	if err := chromedp.Listen(ctx, p.heard.listen); err != nil {
		t.Fatalf("browser: open a page: %v", err)
	}
	for _, m := range manners {
		if m == WithoutJavaScript {
			p.scripts(false)
			p.scriptless = true
		}
	}
	p.Resize(Desktop)
	t.Cleanup(p.finish)
	return p
}

// scripts allows the page to run scripts of its own, or forbids it. What the
// tests evaluate runs all the same, but for timers.
func (p *Page) scripts(on bool) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
	p.must(err, "switch JavaScript")
}
