package browser

import (
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Size is that of a window, in CSS pixels.
type Size struct {
	Name          string // in the names of files
	Width, Height int64
	touch         bool
}

// The sizes that pages are made for.
var (
	Phone   = Size{Name: "phone", Width: 390, Height: 844, touch: true} //nolint:gochecknoglobals // a constant
	Desktop = Size{Name: "desktop", Width: 1280, Height: 900}           //nolint:gochecknoglobals // a constant

	narrow = Size{Name: "narrow", Width: 320, Height: 640, touch: true} //nolint:gochecknoglobals // a constant
)

// Scheme is what a person prefers to look at.
type Scheme string

// The schemes that a person may prefer.
const (
	Light Scheme = "light"
	Dark  Scheme = "dark"
)

// Resize gives the page another size.
func (p *Page) Resize(s Size) {
	p.t.Helper()
	var options []chromedp.EmulateViewportOption
	if s.touch {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	p.must(chromedp.Do(p.ctx, chromedp.EmulateViewport(s.Width, s.Height, options...)), "resize")
}

// Prefer gives the page another colour scheme.
func (p *Page) Prefer(s Scheme) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: string(s)}},
	})
	p.must(err, "prefer a colour scheme")
}

// Shots writes screenshots of the whole page in each size and scheme, and
// returns the files: NAME-phone-light.png and so on. They last with
// `go test -artifacts`.
func (p *Page) Shots(name string) []string {
	p.t.Helper()
	var files []string
	p.looks(func(size Size, scheme Scheme) {
		p.t.Helper()
		png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
		p.must(err, "take a screenshot")
		file := filepath.Join(p.t.ArtifactDir(), name+"-"+size.Name+"-"+string(scheme)+".png")
		p.must(os.WriteFile(file, png, 0o600), "keep a screenshot")
		files = append(files, file)
	})
	return files
}

// looks calls f in each size and scheme, and goes back to the usual ones.
func (p *Page) looks(f func(Size, Scheme)) {
	p.t.Helper()
	for _, size := range []Size{Phone, Desktop} {
		p.Resize(size)
		for _, scheme := range []Scheme{Light, Dark} {
			p.Prefer(scheme)
			f(size, scheme)
		}
	}
	p.Prefer(Light)
}
