package config

import (
	"slices"
	"strings"
)

// A refusedKey is options of nats-server's file that we know and do not honour. To ignore
// them would start something else than what was asked for.
type refusedKey struct {
	names string
	why   string
	cure  string
}

const (
	noOperator = "operators and their JWTs are not supported yet, and the broker must not start open to all"
	hubOnly    = "is not supported by an edge broker"
)

// refusedKeys are all of them.
var refusedKeys = []refusedKey{
	{"ocsp ocsp_cache", "OCSP is not supported yet", "leave it out; clients must not insist on an answer of OCSP"},
	{"https https_port", "TLS is not supported for monitoring yet, and what is monitored must not go in the clear", "use http behind a TLS proxy"},
	{"mappings maps", "subject mappings are not supported yet", "leave it out, or map on a nats-server hub"},
	{"operator operators root roots root_operator root_operators trusted trusted_keys", noOperator, "leave it out and use users or nkeys in authorization"},
	{"resolver account_resolver accounts_resolver resolver_tls resolver_preload resolver_pinned_accounts default_sentinel", noOperator,
		"leave it out with the operator it belongs to"},
	{"proxy_protocol proxies", "proxies are not supported yet, and addresses of clients would be wrong", "leave it out and let clients connect directly"},
	{"leafnodes leaf", "leafnode links are not supported yet", "leave it out; clients connect to the hub for what lives there"},
	{"websocket ws", "WebSocket is not supported yet", "leave it out and put a WebSocket proxy in front"},
	{"mqtt", "MQTT is not supported yet", "leave it out; a nats-server hub serves it"},
	{"cluster", "a cluster " + hubOnly, "run it on nats-server hubs"},
	{"gateway", "a gateway " + hubOnly, "it belongs to the hub: run it on nats-server there"},
	{"jetstream store_dir storedir default_js_domain", "JetStream " + hubOnly, "it is served by the hub: run it on nats-server there"},
	{"trace_headers", "tracing of headers alone is not supported yet", "use trace"},
	{"http_base_path", "a base path of the monitor is not supported yet", "let a proxy in front take it off"},
	{"no_header_support", "clients always get headers", "leave it out"},
	{"no_fast_producer_stall", "publishers of slow subscribers always wait a moment", "leave it out; max_pending and write_deadline bound it"},
	{"write_timeout", "a client whose write timed out is always closed", "leave it out"},
}

// An idleKey is an option that nats-server takes and that asks for nothing here.
type idleKey struct {
	names string
	takes func(any) bool // the values nats-server takes
	why   string
}

// idleKeys are all of them. Each gets a note, so that nobody waits for its effect.
var idleKeys = []idleKey{
	{"disable_sublist_cache no_sublist_cache", isTruth, "the subject index has no cache that can be turned off"},
	{"max_closed_clients", isNumber, "closed connections are not listed yet"},
	{"connect_error_reports", isNumber, "there are no links to other servers yet"},
	{"reconnect_error_reports", isNumber, "there are no links to other servers yet"},
	{"prof_block_rate", isNumber, "the profiler has no blocking profile"},
	{"server_tags", isTags, "tags are shown nowhere yet"},
	{"server_metadata", isBlock, "metadata is shown nowhere yet"},
	{"feature_flags", isBlock, "they choose between versions of nats-server's JetStream"},
}

func isTruth(v any) bool  { _, ok := v.(bool); return ok }
func isNumber(v any) bool { _, ok := v.(int64); return ok }
func isBlock(v any) bool  { _, ok := v.(map[string]any); return ok }

func isTags(v any) bool {
	_, list := v.([]any)
	_, one := v.(string)
	return list || one
}

// idle notes that a key has no effect.
func (r *reader) idle(k idleKey, e entry) {
	if asksNothing(e) {
		return
	}
	if !k.takes(e.value) {
		r.add(e.at, wrong, "%s: nats-server does not take this value, and it has no effect here: %s", e.key, k.why)
		return
	}
	r.add(e.at, remarked, "%s has no effect: %s", e.key, k.why)
}

// refuse complains, unless the value asks for what is the case anyway.
func (r *reader) refuse(k refusedKey, e entry) {
	if !asksNothing(e) {
		r.add(e.at, wrong, "%s: %s; %s", e.key, k.why, k.cure)
	}
}

// asksNothing reports whether a value asks for what is the case anyway.
func asksNothing(e entry) bool {
	is, ok := nothing[strings.ToLower(e.key)]
	return ok && is(e.value)
}

// nothing are the options with values that leave everything as it is without them.
var nothing = map[string]func(any) bool{
	"ocsp": isFalse, "ocsp_cache": isFalse, "verify_cert_and_check_known_urls": isFalse, "ocsp_peer": isFalse,
	"cert_match_skip_invalid": isFalse, "insecure": isFalse, "proxy_protocol": isFalse, "proxy_required": isFalse,
	"trace_headers": isFalse, "no_header_support": isFalse, "no_fast_producer_stall": isFalse,
	"https_port": isZero, "log_size_limit": isZero, "logfile_size_limit": isZero, "log_max_num": isZero, "logfile_max_num": isZero,
	"remote_syslog":  oneOf(""),
	"write_timeout":  oneOf("default", "close"),
	"http_base_path": oneOf("", "/"),
	"jetstream": func(v any) bool {
		s, _ := v.(string)
		return isFalse(v) || oneOf("disabled", "disable")(strings.ToLower(s))
	},
}

func isFalse(v any) bool { return v == false }
func isZero(v any) bool  { return v == int64(0) }

func oneOf(texts ...string) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && slices.Contains(texts, s)
	}
}
