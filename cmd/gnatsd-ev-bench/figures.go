package main

import (
	"context"
	"io"
)

func runFigures(ctx context.Context, args []string, out, errs io.Writer) error { return nil }
