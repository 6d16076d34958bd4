package expr

import "sync"

// cache keeps what is dear to make. One that is full forgets everything: what
// is in use is soon back, and a size is enough to know what it takes.
type cache[V any] struct {
	size int
	mu   sync.Mutex
	m    map[string]V
}

func newCache[V any](size int) *cache[V] {
	return &cache[V]{size: size, m: make(map[string]V)}
}

// get returns what was made for a key, or makes it. Two who ask at once may
// both make it.
func (c *cache[V]) get(key string, fresh func() V) V {
	c.mu.Lock()
	v, ok := c.m[key]
	c.mu.Unlock()
	if ok {
		return v
	}
	v = fresh()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= c.size {
		clear(c.m)
	}
	c.m[key] = v
	return v
}
