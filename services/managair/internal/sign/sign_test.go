package sign_test

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ledongthuc/pdf"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/services/managair/internal/report/pdftest"
	"github.com/clairberlin/clair-stack/services/managair/internal/sign"
)

// names are of rooms that people might have.
var names = []string{
	"101", "Raum 101", "Naturwissenschaftlicher Fachraum (Chemie/Biologie)", "Naturwissenschaftsfachraumvorbereitungszimmer 12",
	"Außenstelle Ødegård – Київ", "חדר מוסיקה 12", "غرفة الموسيقى", "🐸🐸🐸", "教室", "W", "<script>alert(1)</script>", "a \u202eb\x00c", "",
}

func signs(languages ...string) *sign.Signs {
	s := &sign.Signs{
		Site: "Grundschule am Gleisdreieck-Park mit einem ausgesprochen langen Namen", Organization: "Bezirk Mitte", Languages: languages,
		MadeAt: time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC),
	}
	all := profile.All()
	for i, name := range names {
		s.Rooms = append(s.Rooms, sign.Room{
			Name: name, Address: "https://luft.xn--mnchen-3ya.example.org/rooms/" + string(rune('1'+i%9)) + "2345", Profile: all[i%len(all)],
		})
	}
	return s
}

func printed(t *testing.T, s *sign.Signs, f sign.Format) []byte {
	t.Helper()
	p, err := sign.Print(s, f)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := p.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	if folder := os.Getenv("SIGN_PREVIEW"); folder != "" {
		_ = os.WriteFile(filepath.Join(folder, "signs-"+string(f)+"-"+s.Languages[0]+".pdf"), out.Bytes(), 0o600)
	}
	return out.Bytes()
}

func TestSigns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format    sign.Format
		languages []string
		pages     int
		said      []string
	}{
		{sign.A4, []string{"de", "en"}, len(names), []string{"Wie ist die Luft hier?", "How is the air in here?", "Raum 101", "unter 1000", "luft.münchen.example.org/rooms/22345", "hygienically harmless"}},
		{sign.A4, []string{"fr"}, len(names), []string{"Comment est l’air ici ?", "hygiéniquement sans risque"}},
		{sign.A6, []string{"en", "fr"}, len(names), []string{"How is the air in here?", "Comment est l’air ici ?"}},
		{sign.Labels, []string{"de", "fr"}, 2, []string{"Wie ist die Luft hier?", "Raum 101"}},
	} {
		d := pdftest.Read(t, printed(t, signs(tt.languages...), tt.format))
		if d.Pages != tt.pages || d.Language != tt.languages[0] {
			t.Errorf("%s: %d pages in %q", tt.format, d.Pages, d.Language)
		}
		for _, text := range tt.said {
			if !d.Has(text) {
				t.Errorf("%s in %v: no %q", tt.format, tt.languages, text)
			}
		}
	}
}

// What is on the paper is photographed, so to speak, and read by somebody else's decoder.
func TestCodesAreRead(t *testing.T) {
	t.Parallel()
	for _, f := range []sign.Format{sign.A4, sign.A6} {
		s := signs("de")
		content := printed(t, s, f)
		r, err := pdf.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Rooms {
			if got := read(t, r.Page(i+1)); got != s.Rooms[i].Address {
				t.Errorf("%s, page %d: %q, want %q", f, i+1, got, s.Rooms[i].Address)
			}
		}
	}
}

// read paints the black rectangles of a page, and reads the code in them.
func read(t *testing.T, page pdf.Page) string {
	t.Helper()
	const perPoint = 2
	img := image.NewGray(image.Rect(0, 0, 596*perPoint, 842*perPoint))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	black := true
	pdf.Interpret(page.V.Key("Contents"), func(stack *pdf.Stack, operator string) {
		n := stack.Len()
		args := make([]float64, n)
		for i := range args {
			args[n-1-i] = stack.Pop().Float64()
		}
		switch operator {
		case "g":
			black = args[0] == 0
		case "rg":
			black = args[0] == 0 && args[1] == 0 && args[2] == 0
		case "re":
			if !black {
				return
			}
			x1, x2 := args[0]*perPoint, (args[0]+args[2])*perPoint
			y1, y2 := (842-args[1])*perPoint, (842-args[1]-args[3])*perPoint
			box := image.Rect(int(math.Round(x1)), int(math.Round(y1)), int(math.Round(x2)), int(math.Round(y2)))
			draw.Draw(img, box, image.NewUniform(color.Black), image.Point{}, draw.Src)
		}
	})
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	got, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Fatalf("no code can be read: %v", err)
	}
	return got.GetText()
}

func TestShown(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://clair.example.org/rooms/7":           "clair.example.org/rooms/7",
		"https://xn--mnchen-3ya.example:8443/rooms/7": "münchen.example:8443/rooms/7",
		"clair.example.org/rooms/7":                   "clair.example.org/rooms/7",
	} {
		if got := sign.Shown(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}
