package logging

import "log"

// complaintMax is how much of one complaint is shown: net/http's may carry a whole stack.
const complaintMax = 2 << 10

// complaints are what a package of the standard library has to say.
type complaints struct {
	log  *Logger
	what string
}

// Write takes one line.
func (c complaints) Write(line []byte) (int, error) {
	c.log.Limited(Error, c.what, "%s: %s", c.what, QuoteMax(nil, line, complaintMax))
	return len(line), nil
}

// Complaints is what a server of net/http may log to, which otherwise writes what strangers
// send to standard error as it is: here lines are quoted, cut and limited. They begin with what.
func (l *Logger) Complaints(what string) *log.Logger { return log.New(complaints{l, what}, "", 0) }
