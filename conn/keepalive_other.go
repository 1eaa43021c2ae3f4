//go:build !linux

package conn

import "time"

const inheritsOptions = false

func setKeepAlive(uintptr) error { return nil }

func setUserTimeout(uintptr, time.Duration) error { return nil }
