//go:build !linux

package conn

func setUnsentMax(uintptr) {}
