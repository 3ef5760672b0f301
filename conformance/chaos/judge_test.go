package chaos

import "testing"

// judge is Judge for our broker; what nats-server does is only reported.
func judge(t *testing.T, s Setting, good bool, format string, args ...any) {
	t.Helper()
	if !s.Real {
		Judge(t, good, format, args...)
	}
}

// must fails the test where our broker does not do what it promises.
func must(t *testing.T, s Setting, good bool, format string, args ...any) {
	t.Helper()
	if !good && !s.Real {
		t.Errorf(format, args...)
	}
}
