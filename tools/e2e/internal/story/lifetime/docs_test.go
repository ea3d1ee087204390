package lifetime

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The lines that the story runs are found in the manual, and each names something that is there.
func TestFirstCommands(t *testing.T) {
	t.Chdir("../../../../..")
	commands, err := firstCommands()
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range elsewhere {
		if !slices.Contains(commands, command) {
			t.Errorf("the manual does not say %q", command)
		}
	}
	for _, command := range commands {
		words := strings.Fields(command)
		if len(words) == 0 {
			t.Fatalf("an empty line among %q", commands)
		}
		if strings.Contains(words[0], "/") {
			if info, err := os.Stat(words[0]); err != nil || info.Mode()&0o111 == 0 {
				t.Errorf("%q: %s cannot be run: %v", command, words[0], err)
			}
		}
	}
}
