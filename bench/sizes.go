package bench

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A Share is a payload size and how often it is picked, beside the others of a mix.
type Share struct {
	Size   int `json:"size"`
	Weight int `json:"weight"`
}

// A Mix is payload sizes by weight; none is one fixed size.
type Mix []Share

// sizesSeed makes every run pick the same sizes.
const sizesSeed = 7

// weightMax bounds a weight, so that their sum fits an int on every system.
const weightMax = 1_000_000

// ParseSizes reads "128", or "16:50,1k:45,64k:5": sizes and their weights. A k is
// 1024 bytes, an m 1024 k. For one size the mix is nil; for several size is the largest.
func ParseSizes(text string) (size int, mix Mix, err error) {
	for part := range strings.SplitSeq(text, ",") {
		s, w, weighted := strings.Cut(part, ":")
		share := Share{Weight: 1}
		if share.Size, err = parseSize(s); err != nil {
			return 0, nil, err
		}
		if weighted {
			if share.Weight, err = strconv.Atoi(w); err != nil || share.Weight < 1 || share.Weight > weightMax {
				return 0, nil, fmt.Errorf("weight %q of size %s is not between 1 and %d", w, s, weightMax)
			}
		}
		size = max(size, share.Size)
		mix = append(mix, share)
	}
	if len(mix) == 1 {
		mix = nil
	}
	return size, mix, nil
}

// parseSize reads one size.
func parseSize(text string) (int, error) {
	digits, scale := strings.ToLower(strings.TrimSpace(text)), 1
	if rest, ok := strings.CutSuffix(digits, "k"); ok {
		digits, scale = rest, 1<<10
	} else if rest, ok := strings.CutSuffix(digits, "m"); ok {
		digits, scale = rest, 1<<20
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > sizeMax/scale {
		return 0, fmt.Errorf("size %q is not between 0 and %d", text, sizeMax)
	}
	return n * scale, nil
}

// String is what ParseSizes reads.
func (m Mix) String() string {
	var parts []string
	for _, s := range m {
		parts = append(parts, fmt.Sprintf("%d:%d", s.Size, s.Weight))
	}
	return strings.Join(parts, ",")
}

// A picker picks payload sizes. One goroutine at a time.
type picker struct {
	mix    Mix
	total  int
	random *rand.Rand
}

// newPicker picks from mix, or always size when it is empty; nothing is smaller than min.
func newPicker(size int, mix Mix, min int) picker {
	if len(mix) == 0 {
		mix = Mix{{size, 1}}
	}
	p := picker{random: rand.New(rand.NewPCG(sizesSeed, sizesSeed))}
	for _, s := range mix {
		p.mix = append(p.mix, Share{max(s.Size, min), s.Weight})
		p.total += s.Weight
	}
	return p
}

// max is the largest size.
func (p *picker) max() int {
	most := 0
	for _, s := range p.mix {
		most = max(most, s.Size)
	}
	return most
}

// next is the next size.
func (p *picker) next() int {
	if len(p.mix) == 1 {
		return p.mix[0].Size
	}
	at := p.random.IntN(p.total)
	for _, s := range p.mix {
		if at < s.Weight {
			return s.Size
		}
		at -= s.Weight
	}
	return p.mix[0].Size
}
