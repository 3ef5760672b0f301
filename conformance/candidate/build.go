package candidate

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BinaryVariable names, in the environment, a gnatsd-ev to test instead of a
// fresh build.
const BinaryVariable = "GNATSD_EV_BINARY"

// Build builds the broker, whose module is in the directory root, into the
// directory into, and returns the path of the program: that of BinaryVariable
// if it is set.
func Build(root, into string) (string, error) {
	if path := os.Getenv(BinaryVariable); path != "" {
		return path, nil
	}
	path := filepath.Join(into, "gnatsd-ev")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/gnatsd-ev")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building gnatsd-ev: %w\n%s", err, out)
	}
	return path, nil
}
