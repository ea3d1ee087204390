// Package paper sets text and drawings on pages that are printed: PDF with text that can be
// selected, in the fonts and colours of all pages. What is set is decided elsewhere.
//
// Names of people's rooms are in any script. What the house's font lacks is set in DejaVu
// Sans, right to left where it is so written; what neither has is left out when it is a
// picture (emoji), and a box when it is a letter.
//
// The fonts in fonts/ are static cuts (weights 400 and 700) of the web frontend's variable
// font, Latin with its extensions, and what that lacks of DejaVu Sans; their licences are
// beside them.
package paper
