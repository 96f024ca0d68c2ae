// Files and directories: write, read, walk, rename, remove, stat.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func check(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func main() {
	dir, err := os.MkdirTemp("/tmp", "go")
	check(err)
	check(os.MkdirAll(filepath.Join(dir, "a/b"), 0o755))
	for i := 0; i < 3; i++ {
		name := filepath.Join(dir, "a/b", fmt.Sprintf("file%d", i))
		check(os.WriteFile(name, make([]byte, 1000*i), 0o640))
	}
	check(os.Rename(filepath.Join(dir, "a/b/file0"), filepath.Join(dir, "a/renamed")))
	check(os.Symlink("b/file1", filepath.Join(dir, "a/link")))
	check(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		check(err)
		info, err := d.Info()
		check(err)
		rel, _ := filepath.Rel(dir, path)
		size := info.Size()
		if d.IsDir() {
			size = 0
		}
		fmt.Println(rel, info.Mode(), size)
		return nil
	}))
	text, err := os.ReadFile(filepath.Join(dir, "a/link"))
	check(err)
	fmt.Println("through the link", len(text))
	_, err = os.Stat("/nowhere")
	fmt.Println(err, os.IsNotExist(err))
	check(os.RemoveAll(dir))
	_, err = os.Stat(dir)
	fmt.Println("gone", os.IsNotExist(err))
	wd, err := os.Getwd()
	fmt.Println(wd, err)
	host, err := os.Hostname()
	fmt.Println(host, err)
}
