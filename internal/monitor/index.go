package monitor

import (
	"fmt"
	"html"
	"net/http"
)

// index lists the pages, as nats-server's root does; it loads nothing from elsewhere.
func (m *Monitor) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>gnatsd-ev</title><link rel="icon" href="data:,"></head>
<body>
<h1>gnatsd-ev v%s</h1>
<p>%s</p>
<p><a href="./varz">General /varz</a></p>
<p><a href="./healthz">Health Probe /healthz</a></p>
</body>
</html>
`, html.EscapeString(m.config.Identity.Version), html.EscapeString(m.config.Identity.Name))
}
