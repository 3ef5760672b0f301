package bench

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Report is a result with where and how it was made: what JSON output holds.
type Report struct {
	Machine Machine `json:"machine"`
	*Result
}

// ReportFiles, ChangesFiles and ComparisonFiles are the endings of files that results can be written
// as; WriteFile of each knows them.
var (
	ReportFiles     = []string{".json", ".csv", ".hgrm", ".html"}
	ChangesFiles    = []string{".json", ".html"}
	ComparisonFiles = []string{".json", ".html", ".md"}
)

// CheckFile reports a file name that has none of the endings.
func CheckFile(name string, endings []string) error {
	if !slices.Contains(endings, filepath.Ext(name)) {
		return fmt.Errorf("--out %s: the ending is none of %s", name, strings.Join(endings, ", "))
	}
	return nil
}

// WriteFile writes the report in the format that the name's ending says, one of
// ReportFiles; directories are made.
func (r *Report) WriteFile(name string) error {
	switch filepath.Ext(name) {
	case ".csv":
		return create(name, r.writeCSV)
	case ".hgrm":
		return r.writeHistograms(name)
	}
	return writeEither(name, r, ReportFiles)
}

// WriteFile writes the comparison in the format that the name's ending says, one of
// ComparisonFiles; directories are made. A Markdown document keeps what it has around the
// comparison.
func (c *Comparison) WriteFile(name string) error {
	if filepath.Ext(name) == ".md" {
		return c.writeDocument(name)
	}
	return writeEither(name, c, ComparisonFiles)
}

// WriteFile writes the changes in the format that the name's ending says, one of
// ChangesFiles; directories are made.
func (d *Changes) WriteFile(name string) error { return writeEither(name, d, ChangesFiles) }

// writeEither writes what every result can be written as: HTML, or JSON.
func writeEither(name string, v interface{ writeHTML(io.Writer) error }, endings []string) error {
	if err := CheckFile(name, endings); err != nil {
		return err
	}
	if filepath.Ext(name) == ".html" {
		return create(name, v.writeHTML)
	}
	return create(name, func(w io.Writer) error { return WriteJSON(w, v) })
}

// create writes a file and makes its directory.
func create(name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// writeCSV writes one line for each metric, of stages as well.
func (r *Report) writeCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"scenario", "metric", "value", "unit"}}
	for _, one := range r.flat() {
		for _, m := range one.Metrics {
			rows = append(rows, []string{one.Scenario, m.Name, strconv.FormatFloat(m.Value, 'g', -1, 64), m.Unit})
		}
	}
	return c.WriteAll(rows)
}

// flat is the result and the results of its stages.
func (r *Result) flat() []*Result {
	all := []*Result{r}
	for _, stage := range r.Stages {
		all = append(all, stage.flat()...)
	}
	return all
}

// hgrmTicks is how many points an hgrm file has for each halving of the distance to
// 100 %: the usual number.
const hgrmTicks = 5

// writeHistograms writes the percentile curves in the text format of HdrHistogram,
// in milliseconds: the first distribution as named, with its uncorrected twin beside
// it, and further ones with their scenario and name in front of the ending.
func (r *Report) writeHistograms(name string) error {
	stem, ext := strings.TrimSuffix(name, filepath.Ext(name)), filepath.Ext(name)
	written := 0
	for _, one := range r.flat() {
		for _, d := range one.Distributions {
			at := stem
			if written > 0 {
				at = fmt.Sprintf("%s-%d-%s-%s", stem, written, one.Scenario, d.Name)
			}
			written++
			if err := writeHistogram(at+ext, d.corrected); err != nil {
				return err
			}
			if d.uncorrected == nil {
				continue
			}
			if err := writeHistogram(at+"-uncorrected"+ext, d.uncorrected); err != nil {
				return err
			}
		}
	}
	if written == 0 {
		return fmt.Errorf("no latency was recorded, so there is nothing to write to %s; with --rate there is", name)
	}
	return nil
}

func writeHistogram(name string, h *hdrhistogram.Histogram) error {
	return create(name, func(w io.Writer) error {
		_, err := h.PercentilesPrint(w, hgrmTicks, 1e6)
		return err
	})
}
