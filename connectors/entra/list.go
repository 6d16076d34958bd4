package entra

import (
	"context"
	"errors"
	"fmt"

	"github.com/microsoft/kiota-abstractions-go/serialization"

	"github.com/daypass-dev/daypass/engine"
)

const (
	// pageMost is the largest page that Graph gives.
	pageMost = "999"
	// pagesMost bounds a listing that never ends.
	pagesMost = 20_000
	// restarts is how often a listing begins anew when Graph has forgotten one
	// of its pages.
	restarts = 2
)

// list reads a list to its end. take makes a value of an entry, and its error
// ends the listing. Whatever breaks off a listing after its first page is of
// kind Partial.
func list[T any](ctx context.Context, w *wire, first request, item serialization.ParsableFactory, take func(serialization.Parsable) (T, error)) ([]T, error) {
	for left := restarts; ; left-- {
		all, err := listOnce(ctx, w, first, item, take)
		f := asFault(err)
		switch {
		case err == nil:
			return all, nil
		case f == nil || !f.noSuchPage():
			return nil, err
		case left == 0:
			return nil, partial(err)
		}
	}
}

func listOnce[T any](ctx context.Context, w *wire, first request, item serialization.ParsableFactory, take func(serialization.Parsable) (T, error)) ([]T, error) {
	p, err := readPage(ctx, w, first, item)
	if err != nil {
		return nil, err
	}
	return rest(ctx, w, p, first, take)
}

func readPage(ctx context.Context, w *wire, r request, item serialization.ParsableFactory) (*page, error) {
	v, err := w.read(ctx, r, pageOf(item))
	if err != nil {
		return nil, err
	}
	p := v.(*page)
	if err := p.check(); err != nil {
		return nil, partial(err)
	}
	return p, nil
}

// rest returns the entries of p and of the pages after it. A page may be empty
// and not the last.
func rest[T any](ctx context.Context, w *wire, p *page, first request, take func(serialization.Parsable) (T, error)) ([]T, error) {
	var all []T
	err := follow(ctx, w, p, first, func(p *page) error {
		for _, v := range p.values {
			t, err := take(v)
			if err != nil {
				return partial(err)
			}
			all = append(all, t)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// follow visits p and the pages after it, in turn.
func follow(ctx context.Context, w *wire, p *page, first request, visit func(*page) error) error {
	seen := map[string]bool{}
	for n := 1; ; n++ {
		if err := visit(p); err != nil || p.next == "" {
			return err
		}
		switch {
		case seen[p.next]:
			return partial(fmt.Errorf("page %d leads back to one that was read", n))
		case n == pagesMost:
			return partial(fmt.Errorf("no end after %d pages", n))
		}
		seen[p.next] = true
		next := first
		next.link, next.path, next.query, next.body = p.next, "", "", nil
		var err error
		if p, err = readPage(ctx, w, next, p.item); err != nil {
			return breaks(err, n)
		}
	}
}

// breaks marks the error of a page after the first.
func breaks(err error, pages int) error {
	f := asFault(err)
	if f != nil && f.noSuchPage() {
		return f // list begins anew
	}
	err = partial(err)
	var e *engine.Error
	if errors.As(err, &e) {
		return &engine.Error{Kind: engine.Partial, RetryAfter: e.RetryAfter, Err: fmt.Errorf("the listing breaks off after %d pages: %w", pages, e.Err)}
	}
	return err
}
