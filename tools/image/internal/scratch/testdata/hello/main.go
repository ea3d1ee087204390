// Command hello is a small program with a dependency, to be packed in a test.
package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

func main() { fmt.Println("hello", pflag.Args()) }
