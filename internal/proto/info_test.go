package proto

import (
	"encoding/json"
	"testing"
)

func fullInfo() Info {
	return Info{
		ServerID: "NDOG", ServerName: `edge "1" <a&b>`, Version: VersionLevel, Proto: ProtoLevel,
		GitCommit: "abc1234", GoVersion: "go1.26.8", Host: "0.0.0.0", Port: 4222, Headers: true,
		AuthRequired: true, TLSRequired: true, TLSVerify: true, TLSAvailable: true,
		MaxPayload: DefaultMaxPayload, JetStream: true, Cluster: `,"client_id":1`, Domain: `,"connect_info":true`,
		ConnectURLs: []string{"10.0.0.1:4222", "[::1]:4222"}, WSConnectURLs: []string{"10.0.0.1:8080"},
		LameDuckMode: true, JSAPILevel: 5, XKey: "XC2N", GnatsdEv: "0.1.0",
	}
}

func infoLine(t testing.TB, info Info) string {
	t.Helper()
	text, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	return "INFO " + string(text) + " \r\n"
}

func TestGreetingEqualsMarshal(t *testing.T) {
	bases := map[string]Info{
		"zero": {},
		"full": fullInfo(),
		"plain": {ServerID: "N", ServerName: "n", Version: VersionLevel, Proto: 1, GoVersion: "go", Host: "h",
			Port: 4222, Headers: true, MaxPayload: -1, XKey: "X"},
		"only lists": {Cluster: "c"},
		"only tail":  {JSAPILevel: 5},
	}
	peers := []struct {
		id        uint64
		ip, nonce string
	}{
		{}, {1, "127.0.0.1", ""}, {18446744073709551615, "fe80::1%eth\"0\\", "AbC-_0123456789"}, {0, "::1", ""},
		{7, "\x7f\xff<é", "n"},
	}
	for name, base := range bases {
		g := NewGreeting(base)
		for _, p := range peers {
			want := base
			want.ClientID, want.ClientIP = p.id, p.ip
			if got := string(g.Append([]byte("x"), p.id, p.ip)); got != "x"+infoLine(t, want) {
				t.Errorf("%s, Append:\n got %s\nwant %s", name, got, infoLine(t, want))
			}
			want.Nonce = p.nonce
			if got := string(g.AppendNonce(nil, p.id, p.ip, p.nonce)); got != infoLine(t, want) {
				t.Errorf("%s, AppendNonce:\n got %s\nwant %s", name, got, infoLine(t, want))
			}
			want.Nonce = ""
			want.ConnectInfo = true
			for _, c := range []Connected{{}, {100, GlobalAccount, false}, {1 << 30, `"A"`, true}} {
				want.MaxPayload, want.RemoteAccount, want.IsSystemAccount = c.MaxPayload, c.Account, c.SystemAccount
				if got := string(g.AppendConnected(nil, p.id, p.ip, c)); got != infoLine(t, want) {
					t.Errorf("%s, AppendConnected:\n got %s\nwant %s", name, got, infoLine(t, want))
				}
			}
		}
	}
}

// Both lines as nats-server 2.15.2 sent them, with shortened keys and our field at the end.
func TestGreetingWire(t *testing.T) {
	g := NewGreeting(Info{ServerID: "ND4C", ServerName: "ND4C", Version: VersionLevel, Proto: ProtoLevel, GoVersion: "go1.26.8",
		Host: "127.0.0.1", Port: 24333, Headers: true, MaxPayload: 1024, JSAPILevel: 5, XKey: "XAD7", GnatsdEv: "0.1.0"})
	const front = `INFO {"server_id":"ND4C","server_name":"ND4C","version":"2.15.2","proto":1,"go":"go1.26.8",` +
		`"host":"127.0.0.1","port":24333,"headers":true,"max_payload":1024,"client_id":9312,"client_ip":"127.0.0.1",`
	const first = front + `"api_lvl":5,"xkey":"XAD7","gnatsd_ev":"0.1.0"} ` + "\r\n"
	if got := string(g.Append(nil, 9312, "127.0.0.1")); got != first {
		t.Errorf("\n got %s\nwant %s", got, first)
	}
	const second = front + `"connect_info":true,"remote_account":"$G","api_lvl":5,"xkey":"XAD7","gnatsd_ev":"0.1.0"} ` + "\r\n"
	if got := string(g.AppendConnected(nil, 9312, "127.0.0.1", Connected{MaxPayload: 1024, Account: GlobalAccount})); got != second {
		t.Errorf("\n got %s\nwant %s", got, second)
	}
}

func TestGreetingIgnoresConnectionFields(t *testing.T) {
	info := fullInfo()
	plain := string(NewGreeting(info).Append(nil, 3, "::1"))
	info.ClientID, info.ClientIP, info.Nonce, info.ConnectInfo, info.RemoteAccount, info.IsSystemAccount =
		9, "1.2.3.4", "n", true, "A", true
	if got := string(NewGreeting(info).Append(nil, 3, "::1")); got != plain {
		t.Errorf("\n got %s\nwant %s", got, plain)
	}
}

func TestGreetingAllocatesNothing(t *testing.T) {
	g, dst := NewGreeting(fullInfo()), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		dst = g.AppendNonce(dst[:0], 123456, "127.0.0.1", "AbC-_0123456789")
		dst = g.AppendConnected(dst[:0], 123456, "127.0.0.1", Connected{1 << 20, GlobalAccount, false})
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkGreeting(b *testing.B) {
	g, dst := NewGreeting(fullInfo()), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = g.Append(dst[:0], 123456, "127.0.0.1")
	}
}
