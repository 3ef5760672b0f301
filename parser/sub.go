package parser

// subscribe parses the arguments of SUB: subject [queue] sid.
func subscribe(args []byte, op *Op) *Error {
	var f [subscribeFieldsMax]field
	count := split(args, f[:])
	switch count {
	case 2:
		op.Subject, op.SID = f[0].of(args), f[1].of(args)
	case 3:
		op.Subject, op.Queue, op.SID = f[0].of(args), f[1].of(args), f[2].of(args)
	default:
		return badFields(count, "processSub Parse Error", args)
	}
	return nil
}

// unsubscribe parses the arguments of UNSUB: sid [max]. A max that is no
// positive number means at once, as for nats-server.
func unsubscribe(args []byte, op *Op) *Error {
	var f [unsubscribeFieldsMax]field
	count := split(args, f[:])
	switch count {
	case 1:
		op.SID = f[0].of(args)
	case 2:
		op.SID, op.Max = f[0].of(args), max(0, parseSize(f[1].of(args)))
	default:
		return badFields(count, "processUnsub Parse Error", args)
	}
	return nil
}
