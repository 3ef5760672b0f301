package server

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// ports is the content of the ports file, as nats-server writes it.
type ports struct {
	Nats       []string `json:"nats,omitempty"`
	Monitoring []string `json:"monitoring,omitempty"`
	Profile    []string `json:"profile,omitempty"`
}

// writePid writes the decimal number of this process, without a line feed.
// Anyone may read it, as the tools that send signals want to.
func writePid(name string) error {
	if name == "" {
		return nil
	}
	return os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())), 0o644)
}

// portsFile returns the name of the ports file in dir.
func portsFile(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("%s_%d.ports", filepath.Base(os.Args[0]), os.Getpid()))
}

// writePorts writes the ports file. It appears whole: scripts wait for it and
// read it at once.
func writePorts(name string, p ports) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	unfinished := name + ".tmp"
	if err := os.WriteFile(unfinished, data, 0o644); err != nil {
		return err
	}
	if err := os.Rename(unfinished, name); err != nil {
		os.Remove(unfinished)
		return err
	}
	return nil
}

// urls returns the addresses a listener can be reached at. An unspecified
// address stands for all addresses of this machine, in its family.
func urls(scheme string, a net.Addr) []string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return []string{scheme + "://" + a.String()}
	}
	port := strconv.Itoa(tcp.Port)
	if !tcp.IP.IsUnspecified() {
		return []string{scheme + "://" + net.JoinHostPort(tcp.IP.String(), port)}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var found []string
	for _, a := range all {
		ipnet, ok := a.(*net.IPNet)
		if !ok || ipnet.IP.IsLinkLocalUnicast() || tcp.IP.To4() != nil && ipnet.IP.To4() == nil {
			continue
		}
		found = append(found, scheme+"://"+net.JoinHostPort(ipnet.IP.String(), port))
	}
	return found
}
