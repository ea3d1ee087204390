// Package mapping reads measurements out of what a network server has decoded: a document
// says for a model of sensors at which place of the JSON which quantity stands. No program
// is run, so a mapping may come from anybody.
//
// A document is data: it is checked wholly when it is read (Parse), each problem with the place
// where it stands, and applied without errors (Apply): what cannot be read of an uplink is told,
// and costs nothing that stands beside it. Values are handed on as the sensor sent them, those
// out of range included; the ingestair judges them and keeps aside what breaks a rule.
//
// The trap: a place where nothing stands is no problem, for sensors send by turns what they
// measure. A mapping with a wrong place finds nothing, and says so only when nothing at all
// was found.
package mapping
