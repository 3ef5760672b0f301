package proto

import (
	"strings"
	"testing"
)

func TestConnectDefaultsAndOverlay(t *testing.T) {
	c := NewConnect()
	if !c.Verbose || !c.Pedantic || !c.Echo || c.Headers || c.Protocol != 0 {
		t.Fatalf("defaults: %+v", c)
	}
	first := `{"verbose":false,"name":"n","lang":"go","version":"1.2","protocol":1,"headers":true,"no_responders":true,
		"user":"u","pass":"p","auth_token":"t","jwt":"j","nkey":"k","sig":"s","proxy_sig":"ps","tls_required":true,
		"some_new_field":{"a":[1]}}`
	if err := c.Unmarshal([]byte(first)); err != nil {
		t.Fatal(err)
	}
	want := Connect{Echo: true, Pedantic: true, TLSRequired: true, Nkey: "k", JWT: "j", Sig: "s", Token: "t", User: "u",
		Pass: "p", Name: "n", Lang: "go", Version: "1.2", Protocol: 1, Headers: true, NoResponders: true, ProxySig: "ps"}
	if c != want {
		t.Fatalf("\n got %+v\nwant %+v", c, want)
	}
	if err := c.Unmarshal([]byte(`{"echo":false,"name":"m"}`)); err != nil {
		t.Fatal(err)
	}
	want.Echo, want.Name = false, "m"
	if c != want {
		t.Fatalf("second CONNECT\n got %+v\nwant %+v", c, want)
	}
}

func TestConnectRefuses(t *testing.T) {
	for _, text := range []string{"", "\r", "x", "{", `{"verbose":"yes"}`, `{"protocol":1.5}`, `[]`, "{}x", `{"name":"a` + "\n" + `"}`} {
		c := NewConnect()
		if err := c.Unmarshal([]byte(text)); err == nil {
			t.Errorf("%q was accepted as %+v", text, c)
		}
	}
}

func TestConnectNamesAccount(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: false, `{"account":""}`: false, `{"new_account":false}`: false,
		`{"account":"A"}`: true, `{"new_account":true}`: true, `{"ACCOUNT":"A"}`: true,
	} {
		c := NewConnect()
		if err := c.Unmarshal([]byte(text)); err != nil || c.NamesAccount() != want {
			t.Errorf("%s: %v, %v; want %v", text, c.NamesAccount(), err, want)
		}
	}
}

func TestViolationsQuoteThePeer(t *testing.T) {
	const nasty = "a'\r\nPING\r\n\"\x00\xffé"
	const quoted = `"a'\r\nPING\r\n\"\x00\xffé"`
	for _, c := range []struct {
		got  PeerError
		want string
	}{
		{PublishViolation([]byte("_GR_.a.b.c")), `Permissions Violation for Publish to "_GR_.a.b.c"`},
		{PublishViolation(nasty), "Permissions Violation for Publish to " + quoted},
		{ReplyViolation(nasty), "Permissions Violation for Publish with Reply of " + quoted},
		{SubscribeViolation(nasty, ""), "Permissions Violation for Subscription to " + quoted},
		{SubscribeViolation("a", []byte("_sys_")), `Permissions Violation for Subscription to "a" using queue "_sys_"`},
		{SubscriptionRevoked("a", "", nasty), `Permissions Violation for Subscription to "a" (sid ` + quoted + `)`},
		{SubscriptionRevoked("a", "q", "1"), `Permissions Violation for Subscription to "a" using queue "q" (sid "1")`},
		{TooManyTokens("a.b"), `Permissions Violation for Subscription to "a.b", too many tokens`},
	} {
		if c.got.Text != c.want || c.got.Fatal {
			t.Errorf("\n got %+v\nwant %s", c.got, c.want)
		}
		if line := string(c.got.Append(nil)); strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "'\r\n") {
			t.Errorf("not one line: %q", line)
		}
	}
	if e := LeafLoop("A"); !e.Fatal ||
		e.Text != `Loop detected for leafnode account="A". Delaying attempt to reconnect for 30s` {
		t.Errorf("%+v", e)
	}
	if e := LeafVersion("2.10.0"); !e.Fatal || e.Text != `connection rejected since minimum version required is "2.10.0"` {
		t.Errorf("%+v", e)
	}
}

// The names as nats-server 2.15.2 prints them, in its order.
const closeReasons = `Client Closed|Authentication Timeout|Authentication Failure|TLS Handshake Failure|Slow Consumer (Pending Bytes)|` +
	`Slow Consumer (Write Deadline)|Write Error|Read Error|Parse Error|Stale Connection|Protocol Violation|Bad Client Protocol Version|` +
	`Incorrect Port|Maximum Account Connections Exceeded|Maximum Connections Exceeded|Maximum Message Payload Exceeded|` +
	`Maximum Control Line Exceeded|Maximum Subscriptions Exceeded|Duplicate Route|Route Removed|Server Shutdown|Authentication Expired|` +
	`Wrong Gateway|Missing Account|Credentials Revoked|Internal Client|Message Header Violation|No Responders Requires Headers|` +
	`Cluster Name Conflict|Duplicate Remote LeafNode Connection|Duplicate Client ID|Duplicate Server Name|Minimum Version Required|` +
	`Cluster Names Identical|Kicked|Proxy Not Trusted|Proxy Required` +
	`|Internal Error` // this one is ours

func TestCloseReasonNames(t *testing.T) {
	want := strings.Split(closeReasons, "|")
	if len(want) != int(closeReasonCount)-1 {
		t.Fatalf("%d reasons, want %d", closeReasonCount-1, len(want))
	}
	for i, name := range want {
		if got := CloseReason(i + 1).String(); got != name {
			t.Errorf("reason %d is %q, want %q", i+1, got, name)
		}
	}
	if StillOpen.String() != "" || closeReasonCount.String() != "Unknown State" || CloseReason(255).String() != "Unknown State" {
		t.Error("a number that is no reason has a name")
	}
}
