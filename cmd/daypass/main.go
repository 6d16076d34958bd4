// Command daypass makes group memberships temporary: it adds people to groups
// of a directory while a grant is in force, and takes them out when it ends.
//
// This package is where the parts meet: it knows every room, and no other room
// knows it. There is one file for each verb.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // times are printed for people in zones that a small image lacks
)

// version is set by the linker.
var version = "devel"

func main() {
	// A run is short and reads a whole directory: half the garbage of Go's
	// default costs little time, and cron's machines are small.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	os.Exit(run())
}

// run is main for tests: it returns the exit code.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, newEnv(), os.Args[1:])
}
