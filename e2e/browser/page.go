package browser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Page is one tab, with cookies of its own. Its methods fail the test when they
// cannot do what they say; they are for one goroutine at a time.
type Page struct {
	t          testing.TB
	ctx        context.Context
	heard      *console
	scriptless bool
	within     string // where to look for fields and buttons; everywhere when empty
}

// Visit goes to the address and returns the HTTP status of what came, after
// redirections.
func (p *Page) Visit(url string) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	response, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
	p.must(err, "visit "+url)
	if response == nil {
		p.t.Fatalf("browser: visit %s: no response", url)
	}
	return int(response.Status)
}

// Reload asks for the page again.
func (p *Page) Reload() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must(chromedp.Do(ctx, chromedp.Reload()), "reload "+p.URL())
}

// URL returns where the page is.
func (p *Page) URL() string {
	p.t.Helper()
	return evaluate[string](p, "document.location.href")
}

// Title returns the title of the page.
func (p *Page) Title() string {
	p.t.Helper()
	return evaluate[string](p, "document.title")
}

// Text returns what is shown on the page, with every run of spaces and line
// breaks as one space.
func (p *Page) Text() string {
	p.t.Helper()
	text, err := p.text()
	p.must(err, "read the page")
	return text
}

func (p *Page) text() (string, error) {
	text, err := try[string](p, "document.body ? document.body.innerText : ''")
	return clean(text), err
}

// Sees waits until the text is shown.
func (p *Page) Sees(text string) {
	p.t.Helper()
	p.eventually(fmt.Sprintf("%q is not shown", text), func() (bool, error) { return p.shows(text) })
}

// SeesNot waits until the text is not shown. Where it may be yet to come, see
// something else first.
func (p *Page) SeesNot(text string) {
	p.t.Helper()
	p.eventually(fmt.Sprintf("%q is shown", text), func() (bool, error) {
		shown, err := p.shows(text)
		return !shown, err
	})
}

// SeesInTime asks for the page again and again until the text is shown: for
// what happens behind a page that does not renew itself.
func (p *Page) SeesInTime(text string) {
	p.t.Helper()
	p.polls(200*time.Millisecond, fmt.Sprintf("%q is not shown after reloading", text), func() (bool, error) {
		if shown, err := p.shows(text); shown || err != nil {
			return shown, err
		}
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		defer cancel()
		return false, chromedp.Do(ctx, chromedp.Reload())
	})
}

func (p *Page) shows(text string) (bool, error) {
	all, err := p.text()
	return strings.Contains(all, clean(text)), err
}

// eventually polls until so is true. An error is a try that failed: a page may
// be between two documents.
func (p *Page) eventually(complaint string, so func() (bool, error)) {
	p.t.Helper()
	p.polls(20*time.Millisecond, complaint, so)
}

func (p *Page) polls(every time.Duration, complaint string, so func() (bool, error)) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ok, err := so()
		if ok && err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.fail(errors.Join(errors.New(complaint), err))
		}
	}
}

// document names the document that the page holds: another one after each
// navigation, also to the same address.
func (p *Page) document() (string, error) {
	tree, err := chromedp.Call(p.ctx, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		return "", err
	}
	return string(tree.FrameTree.Frame.LoaderID), nil
}

// arrives waits for a document other than the one before, whole.
func (p *Page) arrives(before, after string) {
	p.t.Helper()
	p.eventually("no new page came after "+after, func() (bool, error) {
		now, err := p.document()
		if err != nil || now == before {
			return false, err
		}
		state, err := try[string](p, "document.readyState")
		return state == "complete", err
	})
}

// try evaluates an expression in the page. The page's policy on scripts does
// not concern it.
func try[T any](p *Page, expression string, options ...chromedp.EvaluateOption) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
}

func evaluate[T any](p *Page, expression string, options ...chromedp.EvaluateOption) T {
	p.t.Helper()
	v, err := try[T](p, expression, options...)
	p.must(err, "evaluate")
	return v
}

func (p *Page) must(err error, doing string) {
	p.t.Helper()
	if err != nil {
		p.fail(fmt.Errorf("%s: %w", doing, err))
	}
}

// fail ends the test with the error, and with what the page shows.
func (p *Page) fail(err error) {
	p.t.Helper()
	url, _ := try[string](p, "document.location.href") // the error is err
	text, _ := p.text()
	p.t.Fatalf("browser: %v\nat %s, which shows\n%s", err, url, text)
}

// clean makes every run of white space one space.
func clean(s string) string { return strings.Join(strings.Fields(s), " ") }
