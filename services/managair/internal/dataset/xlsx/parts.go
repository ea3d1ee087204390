package xlsx

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	xmlHeader     = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainSpace     = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	relationSpace = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packageSpace  = "http://schemas.openxmlformats.org/package/2006"
	typeSpace     = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

// styles has the formats in their order: what follows a number is how it is shown. 22 is a time as the reader's country
// writes it.
const styles = `<styleSheet xmlns="` + mainSpace + `">` +
	`<numFmts count="1"><numFmt numFmtId="164" formatCode="0.0"/></numFmts>` +
	`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
	`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
	`<borders count="1"><border/></borders>` +
	`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
	`<cellXfs count="5">` +
	`<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
	`<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="22" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>` +
	`</cellXfs></styleSheet>`

type part struct{ name, content string }

// first are the parts that come first, as programs that guess a file's kind expect it. What is not named there is a sheet:
// how many there will be is not known yet (ECMA-376 part 2, section 10.1.2.2).
var first = []part{
	{"[Content_Types].xml", `<Types xmlns="` + packageSpace + `/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="` + typeSpace + `worksheet+xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="` + typeSpace + `sheet.main+xml"/>` +
		`<Override PartName="/xl/styles.xml" ContentType="` + typeSpace + `styles+xml"/>` +
		`<Override PartName="/xl/sharedStrings.xml" ContentType="` + typeSpace + `sharedStrings+xml"/></Types>`},
	{"_rels/.rels", `<Relationships xmlns="` + packageSpace + `/relationships"><Relationship Id="rId1" Type="` +
		relationSpace + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/styles.xml", styles},
}

// last returns the parts that are known at the end (ECMA-376 part 1, section 12.3).
func (b *Workbook) last() []part {
	var relations, sheets strings.Builder
	for i, name := range b.sheets {
		fmt.Fprintf(&relations, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, i+1, relationSpace, i+1)
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, escape(literal(name)), i+1, i+1)
	}
	n := len(b.sheets)
	fmt.Fprintf(&relations, `<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/>`, n+1, relationSpace)
	fmt.Fprintf(&relations, `<Relationship Id="rId%d" Type="%s/sharedStrings" Target="sharedStrings.xml"/>`, n+2, relationSpace)
	return []part{
		{"xl/sharedStrings.xml", b.sharedStrings()},
		{"xl/workbook.xml", `<workbook xmlns="` + mainSpace + `" xmlns:r="` + relationSpace + `"><sheets>` + sheets.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packageSpace + `/relationships">` + relations.String() + `</Relationships>`},
	}
}

func (b *Workbook) sharedStrings() string {
	var s strings.Builder
	fmt.Fprintf(&s, `<sst xmlns="%s" uniqueCount="%d">`, mainSpace, len(b.order))
	for _, text := range b.order {
		s.WriteString(`<si><t xml:space="preserve">`)
		s.WriteString(escape(literal(cut(text, maxCell))))
		s.WriteString(`</t></si>`)
	}
	s.WriteString(`</sst>`)
	return s.String()
}

// escaped is what a spreadsheet takes for a character by its number (ECMA-376 part 1, section 22.4.2.4, ST_Xstring).
var escaped = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// literal keeps that from happening. Names of sheets are such texts, too.
func literal(text string) string { return escaped.ReplaceAllString(text, "_x005F$0") }

var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#13;", "\n", "&#10;", "\t", "&#9;")

// escape makes a text content of XML; what XML cannot say becomes the replacement character.
func escape(text string) string {
	return entities.Replace(strings.Map(func(r rune) rune {
		if !valid(r) {
			return '\ufffd'
		}
		return r
	}, text))
}

// valid reports whether XML may hold a character (XML 1.0, section 2.2).
func valid(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xd7ff || r >= 0xe000 && r <= '\ufffd' || r >= 0x10000
}
