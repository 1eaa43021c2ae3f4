package server

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

const (
	// randomNameBytes keeps random names from being guessed or tried through.
	randomNameBytes = 8

	tcpPrefix = "tcp:" // of the names that ports are remembered under
)

// portName returns what a port is remembered under, portOf the port of such a name.
func portName(port uint16) string { return tcpPrefix + strconv.Itoa(int(port)) }

func portOf(name string) (port uint16, ok bool) {
	number, ok := strings.CutPrefix(name, tcpPrefix)
	n, err := strconv.ParseUint(number, 10, 16)
	return uint16(n), ok && err == nil
}

func taken(name string) error {
	return fmt.Errorf("%s is taken: choose another one, or none to be given a free one", display(name))
}

func reserved(name string) error {
	return fmt.Errorf("%s is reserved for its owner, who may come back: choose another name", display(name))
}

// display returns a name as users know it.
func display(name string) string {
	if port, ok := strings.CutPrefix(name, tcpPrefix); ok {
		return "the port " + port
	}
	return "the name " + name
}

func randomLabel() string {
	b := make([]byte, randomNameBytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}
