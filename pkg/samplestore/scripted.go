package samplestore

// What a token of an organization sends for its own nodes proves nothing of a device: whoever
// registers a number can send something for it. Those of which nothing else came are noted.
// Of one that was heard of before, or is heard of later, something else came.
const (
	noteScripted = `
	INSERT INTO scripted_node (node_no)
	SELECT n.no
	  FROM node n
	 WHERE n.no = ANY ($1::integer[]) AND NOT EXISTS (SELECT FROM node_status s WHERE s.node_no = n.no)
	 ORDER BY n.no -- two writers with the same nodes must not wait for each other
	    ON CONFLICT DO NOTHING`

	hearScripted = `
	DELETE FROM scripted_node
	 WHERE node_no IN (SELECT node_no FROM scripted_node WHERE node_no = ANY ($1::integer[]) ORDER BY node_no FOR UPDATE)`
)

// scriptParameters are those of noteScripted and hearScripted; nil where there is nothing to
// do. What is moved here was sent elsewhere.
func (w *write) scriptParameters(scripted map[int32]bool) (spoken, heard [][]byte) {
	if w.flush.Past {
		return nil, nil
	}
	notes, hears := w.spoken.column(0, oidInt4), w.unscripted.column(0, oidInt4)
	for i, u := range w.flush.Uplinks {
		switch no := w.nos[i]; {
		case no == 0 || u.Registered == scripted[no]:
		case u.Registered:
			notes.int4(no)
		default:
			hears.int4(no)
		}
	}
	if notes.n > 0 {
		spoken = w.spoken.parameters(1)
	}
	if hears.n > 0 {
		heard = w.unscripted.parameters(1)
	}
	return spoken, heard
}
