package web

import (
	"slices"
	"strings"
	"sync"
)

// maxClosedNames bounds how many names are remembered.
const maxClosedNames = 256

// closedNames remembers the names that went when the other scheme of their tunnel was
// closed, so that closing them as well is no error. It is safe for concurrent use.
type closedNames struct {
	mu    sync.Mutex
	names []string // oldest first
}

func newClosedNames() *closedNames { return &closedNames{} }

// add notes that the tunnel called name was closed by the given one of its names.
func (c *closedNames) add(name, by string) {
	sibling := name + httpSuffix
	if strings.HasSuffix(by, httpSuffix) {
		sibling = name
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names = append(c.names, sibling)
	if len(c.names) > maxClosedNames {
		c.names = c.names[1:]
	}
}

// take says whether name is remembered, and forgets it.
func (c *closedNames) take(name string) bool {
	name = strings.ReplaceAll(name, "+", " ")
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.names, name)
	if i < 0 {
		return false
	}
	c.names = slices.Delete(c.names, i, i+1)
	return true
}

// forget drops both names of a tunnel that was opened again.
func (c *closedNames) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names = slices.DeleteFunc(c.names, func(n string) bool { return n == name || n == name+httpSuffix })
}
