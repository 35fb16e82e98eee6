//go:build linux

// Command agent is what the lab runs inside of dom0 and of each domU.
//
//	agent                            as the first process: set up, serve, power off
//	agent serve                      serve commands on the line out of the domain
//	agent console DOMID SOCKET LOG   share a domU's console
//	agent connect SOCKET             join standard input and output to such a console
//	agent modprobe NAME [PARAM...]   load one of the image's modules
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/xenidc/idc/test/xen/internal/guest"
)

func main() {
	if os.Getpid() == 1 {
		guest.Init()
	}
	if err := dispatch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func dispatch(args []string) error {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	switch {
	case verb == "serve" && len(args) == 1:
		return guest.Serve()
	case verb == "console" && len(args) == 4:
		return guest.Console(args[1], args[2], args[3])
	case verb == "connect" && len(args) == 2:
		return guest.Connect(args[1])
	case verb == "modprobe" && len(args) >= 2:
		return guest.LoadModule(args[1], strings.Join(args[2:], " "))
	}
	return fmt.Errorf("serve | console DOMID SOCKET LOG | connect SOCKET | modprobe NAME [PARAM...]; not %q", args)
}
