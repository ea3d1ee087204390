// Package moving is the wing of the store for moving over from the predecessor and
// back: it loads and writes fixtures, and copies the predecessor's database. What
// the rows mean is package fixture's.
package moving
