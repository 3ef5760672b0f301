// Package server is the whole life of the program: it reads the options,
// builds the parts, says what it started, waits for signals, and ends
// everything in order. It is the only package that knows all others.
//
// Order of a life: options, log, identity, descriptor limit, broker (binds),
// monitor (binds), profiler, pid file, ports file, broker starts, monitor serves,
// "Server is ready", signals, monitor, broker stops, profiler, ports file, log. What
// fails before "ready" undoes what was built before it and ends with exit code 1.
package server
