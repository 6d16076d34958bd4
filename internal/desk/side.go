package desk

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// together asks about each of some things at once, and returns the answers in their
// order. A panic of a question is one of the caller, as with sideBySide.
func together[K, T any](of []K, ask func(K) T) []T {
	answers := make([]attempt[T], len(of))
	var wait sync.WaitGroup
	for i, k := range of {
		wait.Go(func() { answers[i] = try(func() T { return ask(k) }) })
	}
	wait.Wait()
	out := make([]T, len(of))
	for i, x := range answers {
		out[i] = x.get()
	}
	return out
}

// sideBySide asks until one answer is enough, and returns the answers that it has, in
// the order of the questions. While they come quickly it is one after the other;
// after patience, all that are left at once: what hangs takes no time from the others.
func sideBySide[T any](asks []func() T, enough func(T) bool) []T {
	type answer struct {
		of int
		attempt[T]
	}
	answers := make(chan answer, len(asks))
	begun := 0
	begin := func(upTo int) {
		for ; begun < min(upTo, len(asks)); begun++ {
			go func(i int) { answers <- answer{i, try(asks[i])} }(begun)
		}
	}
	got := make(map[int]T, len(asks))
	late := time.After(patience)
	for begin(1); len(got) < len(asks); {
		select {
		case x := <-answers:
			got[x.of] = x.get()
			if enough(got[x.of]) {
				return inOrder(got, len(asks))
			}
			begin(begun + 1)
		case <-late:
			begin(len(asks))
		}
	}
	return inOrder(got, len(asks))
}

func inOrder[T any](got map[int]T, n int) []T {
	out := make([]T, 0, len(got))
	for i := range n {
		if x, is := got[i]; is {
			out = append(out, x)
		}
	}
	return out
}

// attempt is what came of a question: its answer, or how it broke off.
type attempt[T any] struct {
	value  T
	broken string
}

// try asks where nobody above would catch a panic.
func try[T any](ask func() T) (x attempt[T]) {
	defer func() {
		if v := recover(); v != nil {
			x.broken = fmt.Sprintf("%v, at\n%s", v, debug.Stack())
		}
	}()
	x.value = ask()
	return x
}

// get returns the answer, and breaks off as the question did.
func (x attempt[T]) get() T {
	if x.broken != "" {
		panic(x.broken)
	}
	return x.value
}
