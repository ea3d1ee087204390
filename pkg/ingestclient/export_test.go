package ingestclient

// Waiting is how many calls wait for the next request.
func (g *Gatherer) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}
