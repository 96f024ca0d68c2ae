// Echo over TCP (IPv4 and IPv6), UDP and AF_UNIX inside the machine: many clients at once, deadlines, a refused connection, half-close.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// serve echoes every connection line by line, in upper case, until the listener is closed.
func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := bufio.NewScanner(c)
			for in.Scan() {
				fmt.Fprintln(c, strings.ToUpper(in.Text()))
			}
		}()
	}
}

func talk(network, address string, n int) string {
	c, err := net.Dial(network, address)
	check(err)
	defer c.Close()
	in := bufio.NewReader(c)
	answer := ""
	for i := 0; i < 3; i++ {
		fmt.Fprintf(c, "client %d line %d\n", n, i)
		answer, err = in.ReadString('\n')
		check(err)
	}
	return strings.TrimSpace(answer)
}

func stream(network, address string) {
	l, err := net.Listen(network, address)
	check(err)
	go serve(l)
	answers := make([]string, 8)
	var wg sync.WaitGroup
	for n := range answers {
		wg.Add(1)
		go func(n int) {
			defer wg.Done()
			answers[n] = talk(network, l.Addr().String(), n)
		}(n)
	}
	wg.Wait()
	fmt.Println(network, strings.Join(answers, "; "))
	l.Close()
	_, err = net.Dial(network, l.Addr().String())
	fmt.Println("closed:", errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT))
}

func halfClose() {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(err)
	defer l.Close()
	go func() {
		c, err := l.AcceptTCP()
		check(err)
		all, err := io.ReadAll(c)
		check(err)
		fmt.Fprintf(c, "%d bytes", len(all))
		c.Close()
	}()
	c, err := net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
	check(err)
	check(c.SetNoDelay(true))
	check(c.SetKeepAlive(true))
	_, err = c.Write(make([]byte, 300000))
	check(err)
	check(c.CloseWrite())
	answer, err := io.ReadAll(c)
	check(err)
	fmt.Println("half-closed:", string(answer))
}

func datagrams() {
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	check(err)
	defer s.Close()
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := s.ReadFrom(buffer)
			if err != nil {
				return
			}
			s.WriteTo([]byte(strings.ToUpper(string(buffer[:n]))), from)
		}
	}()
	c, err := net.Dial("udp", s.LocalAddr().String())
	check(err)
	defer c.Close()
	fmt.Fprint(c, "datagram")
	buffer := make([]byte, 1500)
	n, err := c.Read(buffer)
	check(err)
	fmt.Println("udp", string(buffer[:n]))
	c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	_, err = c.Read(buffer)
	fmt.Println("deadline:", errors.Is(err, os.ErrDeadlineExceeded))
}

func main() {
	stream("tcp4", "127.0.0.1:0")
	stream("tcp6", "[::1]:0")
	stream("tcp", "localhost:0")
	stream("unix", "/tmp/echo")
	halfClose()
	datagrams()
}
