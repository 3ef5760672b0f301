package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A browser without a window, driven over a pipe in the protocol of Chromium's
// developer tools: one JSON message after another, each with a zero byte behind it.

// browserNames are what Chromium is called on the systems we know.
var browserNames = []string{"chromium", "chromium-browser", "google-chrome", "chrome"}

// browserTime is what one step in the browser may take on a busy machine.
const browserTime = 60 * time.Second

// A browser is one page of a running Chromium.
type browser struct {
	to      *os.File
	from    *bufio.Reader
	session string
	last    int
	told    []message // events since the last look
}

// A message is an answer, or an event without an id.
type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// openBrowser starts Chromium, or skips the test where there is none. It ends with the test.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range browserNames {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skipf("no browser: none of %v is on the PATH; on Debian: apt-get install chromium", browserNames)
	}
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(), "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "about:blank"}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses root otherwise
	}
	cmd := exec.Command(path, args...)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4, as it expects
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()
	b := &browser{to: ourOut, from: bufio.NewReader(ourIn)}
	t.Cleanup(func() {
		_, _ = b.call("Browser.close", nil) // Wait tells if it did not
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }() // ends with the browser
		select {
		case <-ended:
		case <-time.After(browserTime):
			_ = cmd.Process.Kill()
			<-ended
		}
		_, _ = ourIn.Close(), ourOut.Close()
	})
	_ = ourIn.SetReadDeadline(time.Now().Add(10 * browserTime)) // a browser that hangs fails the test
	b.attach(t)
	return b
}

// attach opens a page and asks to be told what goes on in it.
func (b *browser) attach(t *testing.T) {
	t.Helper()
	var target struct{ TargetID string }
	b.must(t, "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	b.must(t, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	b.session = session.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.must(t, domain+".enable", nil, nil)
	}
}

// call does one thing and waits for the answer; what happens meanwhile is kept.
func (b *browser) call(method string, params any) (json.RawMessage, error) {
	b.last++
	text, err := json.Marshal(struct {
		ID      int    `json:"id"`
		Session string `json:"sessionId,omitempty"`
		Method  string `json:"method"`
		Params  any    `json:"params,omitempty"`
	}{b.last, b.session, method, params})
	if err != nil {
		return nil, err
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		return nil, err
	}
	for {
		m, err := b.read()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		if m.ID != b.last {
			continue
		}
		if m.Error != nil {
			return nil, fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		return m.Result, nil
	}
}

// read reads one message and keeps it if it is an event.
func (b *browser) read() (m message, err error) {
	text, err := b.from.ReadBytes(0)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
		return m, err
	}
	if m.ID == 0 {
		b.told = append(b.told, m)
	}
	return m, nil
}

// must is call for what cannot fail; the answer goes into v unless that is nil.
func (b *browser) must(t *testing.T, method string, params, v any) {
	t.Helper()
	result, err := b.call(method, params)
	if err == nil && v != nil {
		err = json.Unmarshal(result, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// show opens a file in a window of a width, light or dark, and returns what happened.
func (b *browser) show(t *testing.T, file, scheme string, width int) []message {
	t.Helper()
	b.must(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.must(t, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.told = nil
	b.must(t, "Page.navigate", map[string]any{"url": "file://" + file}, nil)
	for loaded := 0; ; loaded++ {
		for ; loaded < len(b.told); loaded++ {
			if b.told[loaded].Method == "Page.loadEventFired" {
				b.evaluate(t, "1", nil) // behind what the page did while it loaded
				return b.told
			}
		}
		loaded--
		if _, err := b.read(); err != nil {
			t.Fatal(err)
		}
	}
}

// evaluate evaluates an expression of JavaScript in the page.
func (b *browser) evaluate(t *testing.T, expression string, v any) {
	t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.must(t, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	err := error(nil)
	if answer.ExceptionDetails != nil {
		err = errors.New(string(answer.ExceptionDetails))
	} else if v != nil {
		err = json.Unmarshal(answer.Result.Value, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
}

// keep writes bytes that the browser made, a picture or a print, to a file.
func (b *browser) keep(t *testing.T, name, method string, params any) {
	t.Helper()
	var made struct{ Data string }
	b.must(t, method, params, &made)
	data, err := base64.StdEncoding.DecodeString(made.Data)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o755)
	}
	if err == nil {
		err = os.WriteFile(name, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
