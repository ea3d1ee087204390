package mapping

import (
	"strconv"

	"github.com/tidwall/gjson"
)

// tree has the pointers of a block's fields, so that a document is read once for all of them.
type tree struct {
	branches []branch
	fields   []int // those that stand here
}

type branch struct {
	token string
	index int // as an element of a list; -1: it is none
	tree  *tree
}

func newTree(fields []Field) *tree {
	root := &tree{}
	for i := range fields {
		at := root
		for _, token := range fields[i].Pointer.tokens {
			at = at.branch(token)
		}
		at.fields = append(at.fields, i)
	}
	return root
}

func (t *tree) branch(token string) *tree {
	for i := range t.branches {
		if t.branches[i].token == token {
			return t.branches[i].tree
		}
	}
	b := branch{token, -1, &tree{}}
	if index, err := strconv.Atoi(token); err == nil && index >= 0 && strconv.Itoa(index) == token {
		b.index = index
	}
	t.branches = append(t.branches, b)
	return b.tree
}

// find sets what stands at the place of each field.
func (t *tree) find(v gjson.Result, at []gjson.Result) {
	for _, i := range t.fields {
		at[i] = v
	}
	switch {
	case len(t.branches) == 0:
	case v.IsObject():
		left := len(t.branches)
		var seen uint64 // of two members of one name the first counts
		v.ForEach(func(key, value gjson.Result) bool {
			for i := range t.branches {
				if t.branches[i].token != key.Str || seen&(1<<i) != 0 {
					continue
				}
				t.branches[i].tree.find(value, at)
				seen |= 1 << i
				left--
				break
			}
			return left > 0
		})
	case v.IsArray():
		n := 0
		v.ForEach(func(_, value gjson.Result) bool {
			for i := range t.branches {
				if t.branches[i].index == n {
					t.branches[i].tree.find(value, at)
				}
			}
			n++
			return true
		})
	}
}
