package samplestore

// HearDevices notes that devices have sent, by their EUIs ($1, text[]) and applications at
// the network server ($2, text[], NULL where it is not known): those that nobody has
// registered are remembered, whatever became of what they sent.
const HearDevices = `SELECT hear_uplinks($1::text[], $2::text[])`

// heardParameters are those of HearDevices; nil when all are registered. What is moved
// here was sent elsewhere.
func (w *write) heardParameters() [][]byte {
	if w.flush.Past {
		return nil
	}
	euis, applications, some := w.hearing.column(0, oidText), w.hearing.column(1, oidText), false
	for i, u := range w.flush.Uplinks {
		if w.nos[i] == 0 && u.Meta.DevEUI != 0 && !u.Registered {
			euis.text(u.Meta.DevEUI.String())
			applications.text(u.Meta.Application)
			some = true
		}
	}
	if !some {
		return nil
	}
	return w.hearing.parameters(2)
}
