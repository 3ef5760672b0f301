package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"gnatsd-ev/internal/broker"
	"gnatsd-ev/internal/proto"
)

// varz is the answer to /varz. Names, types and order are nats-server's, down to the
// section that is ours. What would tell of services we do not have is left out.
type varz struct {
	ServerID       string            `json:"server_id"`
	ServerName     string            `json:"server_name"`
	Version        string            `json:"version"` // the nats-server level, as in INFO
	Proto          int               `json:"proto"`
	GitCommit      string            `json:"git_commit,omitempty"`
	Go             string            `json:"go"`
	Host           string            `json:"host"`
	Port           int               `json:"port"`
	TLSRequired    bool              `json:"tls_required,omitempty"`
	TLSVerify      bool              `json:"tls_verify,omitempty"`
	AuthRequired   bool              `json:"auth_required,omitempty"`
	MaxConnections int               `json:"max_connections"`
	MaxSubs        int               `json:"max_subscriptions,omitempty"`
	PingInterval   time.Duration     `json:"ping_interval"`
	PingMax        int               `json:"ping_max"`
	HTTPHost       string            `json:"http_host"`
	HTTPPort       int               `json:"http_port"`
	HTTPBasePath   string            `json:"http_base_path"`
	HTTPSPort      int               `json:"https_port"`
	AuthTimeout    float64           `json:"auth_timeout"` // seconds
	MaxControlLine int32             `json:"max_control_line"`
	MaxPayload     int               `json:"max_payload"`
	MaxPending     int64             `json:"max_pending"`
	TLSTimeout     float64           `json:"tls_timeout"` // seconds
	WriteDeadline  time.Duration     `json:"write_deadline"`
	Start          time.Time         `json:"start"`
	Now            time.Time         `json:"now"`
	Uptime         string            `json:"uptime"`
	Mem            int64             `json:"mem"`
	Cores          int               `json:"cores"`
	MaxProcs       int               `json:"gomaxprocs"`
	MemLimit       int64             `json:"gomemlimit,omitempty"`
	CPU            float64           `json:"cpu"`
	Connections    int64             `json:"connections"`
	Total          uint64            `json:"total_connections"`
	Routes         int               `json:"routes"`
	Remotes        int               `json:"remotes"`
	Leafs          int               `json:"leafnodes"`
	InMsgs         int64             `json:"in_msgs"`
	InBytes        int64             `json:"in_bytes"`
	InClientMsgs   int64             `json:"in_client_msgs"`
	InClientBytes  int64             `json:"in_client_bytes"`
	OutMsgs        int64             `json:"out_msgs"`
	OutBytes       int64             `json:"out_bytes"`
	OutClientMsgs  int64             `json:"out_client_msgs"`
	OutClientBytes int64             `json:"out_client_bytes"`
	SlowConsumers  int64             `json:"slow_consumers"`
	Stale          int64             `json:"stale_connections"`
	Stalled        int64             `json:"stalled_clients"`
	Subscriptions  int64             `json:"subscriptions"`
	Requests       map[string]uint64 `json:"http_req_stats"`
	ConfigLoadTime time.Time         `json:"config_load_time"`
	ConfigDigest   string            `json:"config_digest"`
	SystemAccount  string            `json:"system_account,omitempty"`
	SlowByRole     byRole            `json:"slow_consumer_stats"`
	StaleByRole    byRole            `json:"stale_connection_stats"`
	CertNotAfter   time.Time         `json:"tls_cert_not_after,omitzero"`

	// Ours.
	GnatsdEv  string     `json:"gnatsd_ev"` // our version, as in INFO
	Stuck     int64      `json:"stuck"`     // times a loop did not turn for a second
	Panics    uint64     `json:"panics"`    // sessions closed because handling them panicked
	Collector collector  `json:"collector"`
	Loops     []loopVarz `json:"loops"`
}

// byRole is a count by what the connections are; all are clients.
type byRole struct {
	Clients  int64 `json:"clients"`
	Routes   int64 `json:"routes"`
	Gateways int64 `json:"gateways"`
	Leafs    int64 `json:"leafs"`
}

// loopVarz is one event loop. Times are nanoseconds.
type loopVarz struct {
	ID            int           `json:"id"`
	Connections   int64         `json:"connections"`
	Total         int64         `json:"total_connections"`
	Subscriptions int64         `json:"subscriptions"`
	Turns         int64         `json:"turns"`
	Loans         int64         `json:"loans"`
	Letters       int64         `json:"letters"`
	Parcels       int64         `json:"parcels"`
	ParcelMsgs    int64         `json:"parcel_msgs"`
	HeldBytes     int64         `json:"held_bytes"`
	PendingBytes  int64         `json:"pending_bytes"`
	InputBytes    int64         `json:"input_bytes"`
	InMsgs        int64         `json:"in_msgs"`
	InBytes       int64         `json:"in_bytes"`
	OutMsgs       int64         `json:"out_msgs"`
	OutBytes      int64         `json:"out_bytes"`
	SlowPending   int64         `json:"slow_pending"`
	SlowDeadline  int64         `json:"slow_deadline"`
	Unfinished    int64         `json:"unfinished"`
	Stale         int64         `json:"stale_connections"`
	Stalls        int64         `json:"stalls"`
	StalledFor    int64         `json:"stalled_for"`
	Lag           lagVarz       `json:"lag"`
	Stuck         int64         `json:"stuck"`
	StuckFor      time.Duration `json:"stuck_for"`
}

// lagVarz is the longest time between two looks of a loop at its sockets.
type lagVarz struct {
	Second time.Duration `json:"second"`
	Minute time.Duration `json:"minute"`
	Ever   time.Duration `json:"ever"`
}

// varz tells everything, as of now.
func (m *Monitor) varz(w http.ResponseWriter, _ *http.Request) {
	v := m.configured()
	v.Now = time.Now().UTC()
	v.Uptime = uptime(v.Now.Sub(v.Start))
	v.Mem, v.CPU = resident(), m.usage.percent(time.Now())
	v.Collector = readCollector()
	v.add(m.config.Source.Stats())
	v.Requests = make(map[string]uint64, len(m.asked))
	for path, n := range m.asked {
		if n := n.Load(); n > 0 {
			v.Requests[path] = n
		}
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // plain values always marshal
	}
	answer(w, http.StatusOK, b)
}

// configured is what changes only when the configuration is reloaded.
func (m *Monitor) configured() *varz {
	id, f := m.config.Identity, m.config.Source.Facts()
	o := f.Options
	v := &varz{
		ServerID: id.ID, ServerName: id.Name, Version: proto.VersionLevel, Proto: proto.ProtoLevel,
		GitCommit: id.GitCommit, Go: runtime.Version(), Host: o.Host, Port: f.Port(),
		AuthRequired: f.AuthRequired, AuthTimeout: f.AuthTimeout.Seconds(),
		MaxConnections: o.MaxConnections, MaxSubs: o.MaxSubscriptions, PingInterval: o.PingInterval, PingMax: o.PingMax,
		HTTPHost: o.MonitorHost(), HTTPPort: m.port, MaxControlLine: o.MaxControlLine, MaxPayload: int(o.MaxPayload),
		TLSRequired: o.TLS.Required(), TLSVerify: o.TLS.Verify, TLSTimeout: o.TLS.Timeout.Seconds(), CertNotAfter: f.CertNotAfter,
		SystemAccount: o.System(),
		MaxPending:    o.MaxPending, WriteDeadline: o.WriteDeadline,
		Start: m.config.Start.UTC(), ConfigLoadTime: f.Loaded.UTC(), ConfigDigest: o.ConfigDigest,
		Cores: runtime.NumCPU(), MaxProcs: runtime.GOMAXPROCS(0), GnatsdEv: id.Version,
	}
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		v.MemLimit = limit
	}
	return v
}

// add tells of each loop, and of all together.
func (v *varz) add(s broker.Stats) {
	v.Connections, v.Total, v.Panics = s.Sessions, s.Opened, s.Panics
	v.Loops = make([]loopVarz, len(s.Loops))
	for i := range s.Loops {
		l := &s.Loops[i]
		v.Loops[i] = loopVarz{
			ID: i, Connections: l.Connections, Total: l.Opened, Subscriptions: l.Subscriptions,
			Turns: l.Turns, Loans: l.Loans, Letters: l.Letters, Parcels: l.Parcels, ParcelMsgs: l.ParcelMsgs,
			HeldBytes: l.Held, PendingBytes: l.Pending, InputBytes: l.Input,
			InMsgs: l.InMsgs, InBytes: l.InBytes, OutMsgs: l.OutMsgs, OutBytes: l.OutBytes,
			SlowPending: l.SlowPending, SlowDeadline: l.SlowDeadline, Unfinished: l.Unfinished, Stale: l.Stale,
			Stalls: l.Stalls, StalledFor: l.StalledFor,
			Lag: lagVarz(l.Lag), Stuck: l.Stuck, StuckFor: l.StuckFor,
		}
		v.InMsgs += l.InMsgs
		v.InBytes += l.InBytes
		v.OutMsgs += l.OutMsgs
		v.OutBytes += l.OutBytes
		v.SlowConsumers += l.SlowPending + l.SlowDeadline
		v.Stale += l.Stale
		v.Stalled += l.Stalls
		v.Subscriptions += l.Subscriptions
		v.Stuck += l.Stuck
	}
	v.InClientMsgs, v.InClientBytes, v.OutClientMsgs, v.OutClientBytes = v.InMsgs, v.InBytes, v.OutMsgs, v.OutBytes
	v.SlowByRole.Clients, v.StaleByRole.Clients = v.SlowConsumers, v.Stale
}

// uptime writes a duration as nats-server does: 1y2d3h4m5s, from the largest unit that is
// not zero.
func uptime(d time.Duration) string {
	s := int64(d / time.Second)
	m, h := s/60, s/3600
	days := h / 24
	years := days / 365
	switch {
	case years > 0:
		return fmt.Sprintf("%dy%dd%dh%dm%ds", years, days%365, h%24, m%60, s%60)
	case days > 0:
		return fmt.Sprintf("%dd%dh%dm%ds", days, h%24, m%60, s%60)
	case h > 0:
		return fmt.Sprintf("%dh%dm%ds", h, m%60, s%60)
	case m > 0:
		return fmt.Sprintf("%dm%ds", m, s%60)
	}
	return fmt.Sprintf("%ds", s)
}
