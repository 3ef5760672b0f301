package parser

// publish parses the arguments of PUB: subject [reply] size.
func (p *Parser) publish(args []byte, op *Op) (size int, e *Error) {
	var f [publishFieldsMax]field
	count := split(args, f[:])
	switch count {
	case 2:
		op.Subject = f[0].of(args)
	case 3:
		op.Subject, op.Reply = f[0].of(args), f[1].of(args)
	default:
		return 0, badFields(count, "processPub Parse Error", args)
	}
	if size = parseSize(f[count-1].of(args)); size < 0 {
		return 0, badArguments("processPub Bad or Missing Size", args)
	}
	return size, p.checkPayload(size)
}

// publishHeaders parses the arguments of HPUB: subject [reply] header-size total-size.
func (p *Parser) publishHeaders(args []byte, op *Op) (size int, e *Error) {
	if !p.Headers {
		return 0, &Error{Kind: HeadersNotAllowed, Detail: "message headers not supported"}
	}
	var f [publishFieldsMax]field
	count := split(args, f[:])
	switch count {
	case 3:
		op.Subject = f[0].of(args)
	case 4:
		op.Subject, op.Reply = f[0].of(args), f[1].of(args)
	default:
		return 0, badFields(count, "processHeaderPub Parse Error", args)
	}
	if op.Header = parseSize(f[count-2].of(args)); op.Header < 0 {
		return 0, badArguments("processHeaderPub Bad or Missing Header Size", args)
	}
	if size = parseSize(f[count-1].of(args)); size < 0 {
		return 0, badArguments("processHeaderPub Bad or Missing Total Size", args)
	}
	if op.Header > size {
		return 0, badArguments("processHeaderPub Header Size larger then TotalSize", args)
	}
	return size, p.checkPayload(size)
}

func (p *Parser) checkPayload(size int) *Error {
	if p.MaxPayload >= 0 && size > int(p.MaxPayload) {
		return payloadTooLarge(size, int(p.MaxPayload))
	}
	return nil
}
