// Package xlsx writes workbooks for spreadsheets (Office Open XML, ECMA-376 part 1) row by row, straight to where they
// go: no row is held in memory, and none goes to a file aside.
//
// It writes tables and no more: a heading that stays in sight, texts, numbers and times with their formats. The libraries
// that write whole workbooks keep the packed file in memory, and the unpacked one in a folder for temporary files, which
// our containers do not have room for.
package xlsx
