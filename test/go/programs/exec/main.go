// os/exec of this program and of a guest program; pipes, exit status, the environment.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		text, _ := io.ReadAll(os.Stdin)
		fmt.Print(strings.ToUpper(string(text)), os.Getenv("WORD"), "\n")
		os.Exit(3)
	}
	self, err := os.Executable()
	fmt.Println("executable", self, err)
	cmd := exec.Command(self, "child")
	cmd.Stdin = strings.NewReader("hello child\n")
	cmd.Env = []string{"WORD=word"}
	var out bytes.Buffer
	cmd.Stdout = &out
	err = cmd.Run()
	fmt.Printf("%q %v\n", out.String(), err)
	text, err := exec.Command("/bin/echo", "from", "echo").Output()
	fmt.Printf("%q %v\n", text, err)
	_, err = exec.Command("/nowhere").Output()
	fmt.Println(err)
	err = exec.Command("/bin/false").Run()
	fmt.Println(err)
}
