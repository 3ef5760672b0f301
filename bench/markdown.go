package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Comparisons as a block of a Markdown document, so that no figure is copied by hand.

// The markers a document has around the block.
const (
	blockBegin = "<!-- comparison -->\n"
	blockEnd   = "<!-- /comparison -->"
)

// writeDocument writes the block between the markers of a document that has them, or makes a
// document of nothing else. A file without them is somebody's and stays as it is.
func (c *Comparison) writeDocument(name string) error {
	var block bytes.Buffer
	if err := c.writeBlock(&block); err != nil {
		return err
	}
	old, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return create(name, func(w io.Writer) error {
			_, err := fmt.Fprint(w, blockBegin, block.String(), blockEnd, "\n")
			return err
		})
	} else if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(old), blockBegin)
	_, after, ends := strings.Cut(rest, blockEnd)
	if !begins || !ends {
		return fmt.Errorf("%s is left as it is: it does not have the lines %s and %s for a comparison to stand between", name, strings.TrimSpace(blockBegin), blockEnd)
	}
	return create(name, func(w io.Writer) error {
		_, err := fmt.Fprint(w, before, blockBegin, block.String(), blockEnd, after)
		return err
	})
}

// writeBlock writes where the figures were made, and the tables.
func (c *Comparison) writeBlock(w io.Writer) error {
	m := c.Machine
	fmt.Fprintf(w, "Medians of %s, durations x %v, %s; %d processors (%s), %s, %s", counted(c.Rounds, "alternating round"), c.Scale,
		m.Date.Format("2006-01-02"), m.Processors, m.Processor, m.System, m.Go)
	if m.Revision != "" {
		fmt.Fprintf(w, ", commit %s", m.Revision)
	}
	fmt.Fprintf(w, ":\n\n    %s\n\n", shellLine(m.Command))
	for _, note := range []string{c.roundsText(), c.lookText()} {
		if note != "" {
			fmt.Fprintf(w, "%s\n\n", note)
		}
	}
	var tables bytes.Buffer
	if err := c.writeTables(&tables); err != nil {
		return err
	}
	for line := range strings.Lines(tables.String()) {
		if _, err := io.WriteString(w, tight(line)); err != nil {
			return err
		}
	}
	if len(c.Warnings) > 0 {
		fmt.Fprint(w, "\nWarnings:\n\n")
	}
	for _, text := range condensed(c.Warnings) {
		fmt.Fprintf(w, "- %s\n", text)
	}
	return nil
}

// lookText says so if a run was no more than a look.
func (c *Comparison) lookText() string {
	if c.Quick {
		return quickNote
	}
	return ""
}

// tight is a line of a table without the blanks that align columns, and with an ellipsis where
// a label belongs to the row above.
func tight(line string) string {
	if !strings.HasPrefix(line, "|") {
		return line
	}
	cells := strings.Split(strings.Trim(line, "|\n"), "|")
	for i, cell := range cells {
		text := strings.TrimSpace(cell)
		if i == 0 && strings.HasPrefix(cell, "   ") {
			text = "… " + text
		}
		cells[i] = text
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}
