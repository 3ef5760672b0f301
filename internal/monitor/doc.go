// Package monitor serves what there is to know of a running broker over HTTP: /varz,
// /healthz and an index of them, in nats-server's names. It runs on threads of the Go
// runtime and reads what loops have shown; no request makes a loop do anything.
//
// Whoever can reach the port may ask, so a request costs little and shows no secret: no
// arguments of the program, no names or addresses of clients. Requests have deadlines,
// their heads a size, and connections a number.
package monitor
