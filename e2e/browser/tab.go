package browser

import (
	"context"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Tab opens another tab of the same person: with the same cookies.
func (p *Page) Tab() *Page {
	p.t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx)
	p.t.Cleanup(cancel)
	tab := &Page{t: p.t, ctx: ctx, heard: &console{}}
	p.must(chromedp.Listen(ctx, tab.heard.listen), "open a tab")
	if p.scriptless {
		tab.scripts(false)
		tab.scriptless = true
	}
	tab.Resize(Desktop)
	p.t.Cleanup(tab.finish)
	return tab
}

// Back goes to the page before this one, as the button of the browser does.
func (p *Page) Back() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must(chromedp.Do(ctx, chromedp.NavigateBack()), "go back")
}

// Cookie returns the value of a cookie of the page; "" when there is none.
func (p *Page) Cookie(name string) string {
	p.t.Helper()
	all, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{})
	p.must(err, "read the cookies")
	for _, c := range all.Cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Plant puts a cookie into the browser for an address, behind the page's back.
func (p *Page) Plant(url, name, value string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: url, HTTPOnly: new(true)})
	p.must(err, "plant a cookie")
}
