package differential

// Fixed scripts: every integer in every place, and lines of 100 KB in every
// chunking.

import (
	"strings"
	"testing"
)

// judge plays scripts and reports every one that differs.
func judge(t *testing.T, c Class, scripts []*Script) {
	t.Helper()
	s := set(c)
	t.Cleanup(s.Close)
	reached := map[string]int{}
	for _, script := range scripts {
		v, err := s.Judge(script)
		if err != nil {
			t.Fatal(err)
		}
		for id, n := range v.Reached {
			reached[id] += n
		}
		if v.Difference != "" {
			report(t, &Failure{script, v, s})
		}
	}
	t.Logf("%d scripts; deviations: %v", len(scripts), reached)
}

// steps makes a script of what connections send, each as "a text" with a peer's name
// in front; how cuts the last one.
func steps(c Class, how cut, lines ...string) *Script {
	s := &Script{Class: c}
	for i, line := range lines {
		sd := send{peer: int(line[0] - 'a'), data: []byte(line[2:])}
		if i == len(lines)-1 {
			sd.cut = how
		}
		s.Steps = append(s.Steps, Step{kind: kindSend, sends: []send{sd}})
	}
	return s
}

const quietWithHeaders = `CONNECT {"verbose":false,"pedantic":false,"headers":true}` + "\r\n"

// Whatever stands where a number belongs, and however it is cut, gnatsd-ev does what
// nats-server does.
func TestIntegers(t *testing.T) {
	cuts := []cut{{}, {mode: cutBytes}, {mode: cutRandom, seed: 1}}
	var scripts []*Script
	for _, n := range integers {
		body := "hello"
		if size := readSize(n); size >= 0 && size <= 1<<20 {
			body = strings.Repeat("x", size)
		}
		headers := fill("NATS/1.0\r\n\r\n", len(body))
		for i, operation := range []string{
			"a PUB " + mark + " " + n + "\r\n" + body + "\r\n",
			"a PUB " + mark + " " + n + "\r\nhello\r\n",
			"a HPUB " + mark + " 12 " + n + "\r\n" + headers + "\r\n",
			"a HPUB " + mark + " " + n + " 20\r\nNATS/1.0\r\n\r\n12345678\r\n",
			"b UNSUB 1 " + n + "\r\n",
			"b UNSUB " + n + " 1\r\n",
		} {
			for _, how := range cuts {
				if how.mode == cutBytes && len(operation) > 4096 {
					how = cut{mode: cutEqual, seed: 4093}
				}
				s := steps(Ordinary, how, "a "+quietWithHeaders, "b "+quietWithHeaders+"SUB "+mark+" 1\r\n", operation)
				s.Seed = uint64(i)
				s.Steps = append(s.Steps, steps(Ordinary, cut{}, "c "+quietWithHeaders,
					"c "+strings.Repeat("PUB "+mark+" 1\r\nx\r\n", 3), "c PUB "+mark+" 0\r\n\r\n").Steps...)
				scripts = append(scripts, s)
			}
		}
	}
	if n := len(integers); n < 30 {
		t.Fatalf("%d integers, want at least 30", n)
	}
	judge(t, Ordinary, scripts)
}

// Lines of 100 KB end as they do on nats-server, in whatever pieces they come.
func TestLongLines(t *testing.T) {
	const size = 100_000
	long := strings.Repeat("y", size)
	var scripts []*Script
	for _, line := range []string{
		"SUB " + mark + "." + long + " 1\r\n", "PUB " + mark + "." + long + " 0\r\n\r\n", "HPUB a " + long + " 0 0\r\n\r\n", "UNSUB " + long + "\r\n",
		`CONNECT {"name":"` + long + "\"}\r\n", `INFO {"name":"` + long + "\"}\r\n", "-ERR '" + long + "'\r\n", "PING " + long + "\r\n",
		"SUB " + strings.Repeat(" ", size) + "a 1\r\n", "PUB " + mark + ".a 1" + strings.Repeat("\t", size) + "\r\nx\r\n", long + "\r\n", "SUB " + long,
	} {
		for _, chunk := range []uint64{1, 7, 63, 511, 512, 1000, 4095, 4096, 4097, 8192, 32768, 65536, size + 100} {
			how := cut{mode: cutEqual, seed: chunk}
			s := steps(Ordinary, how, "a "+quietWithHeaders, "b "+quietWithHeaders+"SUB "+mark+".> 1\r\n", "a "+line)
			s.Steps = append(s.Steps, steps(Ordinary, cut{}, "b PUB "+mark+".a 1\r\nx\r\n").Steps...)
			scripts = append(scripts, s)
		}
	}
	judge(t, Ordinary, scripts)
}
