package differential

// What is wrong with what a server sent whatever others would have sent.

import "fmt"

// faults returns what is wrong with what a gnatsd-ev sent, whatever
// nats-server did: it must be the protocol, and nothing that nobody published.
func faults(p *plan, logs []log) string {
	said := make(map[string]bool)
	asked := make(map[string]bool)
	for _, m := range p.published() {
		said[messageKey(m.subject, m.reply, m.header, m.payload)] = true
		said[messageKey(m.subject, m.reply, 0, m.payload[m.header:])] = true // to clients without headers
		asked[m.reply] = true
	}
	for i := range logs {
		if logs[i].fault != "" {
			return fmt.Sprintf("connection %s: %s", peerName(i), logs[i].fault)
		}
		for _, part := range logs[i].parts {
			for _, f := range part {
				if f.subject == "" || said[messageKey(f.subject, f.reply, f.header, f.payload)] || f.noResponders() && asked[f.subject] {
					continue
				}
				return fmt.Sprintf("connection %s got what nobody published: %s %q", peerName(i), f.line, f.payload)
			}
		}
	}
	return ""
}

func messageKey(subject, reply string, header int, payload []byte) string {
	return fmt.Sprintf("%s\n%s\n%d\n%s", subject, reply, header, payload)
}
