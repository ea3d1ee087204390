package alert

import "slices"

// queue has watches in the order in which they came, each once. The zero value is empty.
type queue struct {
	order []*watch
	// has are those of order.
	has map[*watch]struct{}
}

func (q *queue) len() int { return len(q.order) }

// add puts w at the end, unless it waits already.
func (q *queue) add(w *watch) {
	if _, waits := q.has[w]; waits {
		return
	}
	if q.has == nil {
		q.has = map[*watch]struct{}{}
	}
	q.has[w] = struct{}{}
	q.order = append(q.order, w)
}

// take takes the first ones out, so many at the most.
func (q *queue) take(most int) []*watch {
	n := min(len(q.order), most)
	first := q.order[:n:n]
	q.order = q.order[n:]
	for _, w := range first {
		delete(q.has, w)
	}
	return first
}

// keep takes out all that are not to be kept.
func (q *queue) keep(kept func(*watch) bool) {
	q.order = slices.DeleteFunc(q.order, func(w *watch) bool {
		if kept(w) {
			return false
		}
		delete(q.has, w)
		return true
	})
}
