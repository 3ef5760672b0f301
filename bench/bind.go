package bench

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseAddresses reads a comma list of addresses and ranges of their last number:
// "127.0.0.2-9,127.0.1.1".
func ParseAddresses(text string) ([]netip.Addr, error) {
	var all []netip.Addr
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		from, err := netip.ParseAddr(first)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", part, err)
		}
		if !ranged {
			all = append(all, from)
			continue
		}
		b := from.As16()
		to, err := strconv.Atoi(last)
		if err != nil || !from.Is4() || to < int(b[15]) || to > 255 {
			return nil, fmt.Errorf("%q is not a range of IPv4 addresses like 127.0.0.2-9", part)
		}
		for n := int(b[15]); n <= to; n++ {
			b[15] = byte(n)
			all = append(all, netip.AddrFrom16(b).Unmap())
		}
	}
	return all, nil
}

// bindFlag sets a load's source addresses.
type bindFlag struct{ load *Load }

// String is empty: the system chooses by default.
func (f bindFlag) String() string { return "" }

// Set reads addresses.
func (f bindFlag) Set(text string) (err error) {
	f.load.Bind, err = ParseAddresses(text)
	return err
}
