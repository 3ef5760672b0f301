//go:build !linux

package loop

// setNotSentLowat does nothing: these systems' send buffers stay small by themselves.
func setNotSentLowat(int, int) {}

// choosePortLate does nothing: these systems have no such option.
func choosePortLate(int) {}
