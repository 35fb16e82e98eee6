package profile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
)

// monitor is a connection to QEMU's monitor (QMP, docs/interop/qmp-spec.txt of QEMU).
type monitor struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(socket string) (*monitor, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	m := &monitor{conn, bufio.NewReader(conn)}
	if err := m.greet(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("QEMU's monitor: %w", err)
	}
	return m, nil
}

// greet reads its greeting and has it take commands.
func (m *monitor) greet() error {
	if _, err := m.in.ReadBytes('\n'); err != nil {
		return err
	}
	_, err := m.call(`{"execute":"qmp_capabilities"}`)
	return err
}

// call sends a request and returns what it returned. Events in between are skipped.
func (m *monitor) call(request string) (json.RawMessage, error) {
	if _, err := m.conn.Write([]byte(request + "\n")); err != nil {
		return nil, err
	}
	for {
		line, err := m.in.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		var answer struct {
			Return json.RawMessage
			Error  *struct{ Desc string }
		}
		switch err := json.Unmarshal(line, &answer); {
		case err != nil:
			return nil, err
		case answer.Error != nil:
			return nil, fmt.Errorf("%s: %s", request, answer.Error.Desc)
		case answer.Return != nil:
			return answer.Return, nil
		}
	}
}

// registers returns what QEMU prints of all processors' registers.
func (m *monitor) registers() (string, error) {
	answer, err := m.call(`{"execute":"human-monitor-command","arguments":{"command-line":"info registers -a"}}`)
	if err != nil {
		return "", err
	}
	var text string
	return text, json.Unmarshal(answer, &text)
}
