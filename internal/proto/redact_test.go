package proto

import "testing"

func TestRedactHidesSecretsOnly(t *testing.T) {
	for in, want := range map[string]string{
		`{"user":"bob","pass":"s3cr\"et","name":"x"}`: `{"user":"bob","pass":"[REDACTED]","name":"x"}`,
		`{"auth_token" : "t","verbose":false}`:        `{"auth_token":"[REDACTED]","verbose":false}`,
		`{"PASS":"cut`:                                `{"PASS":"[REDACTED]"`,
		`{"pass":12345}`:                              `{"pass":"[REDACTED]"}`,
		`{"sig":"a","nkey":"b","jwt":"c"}`:            `{"sig":"[REDACTED]","nkey":"[REDACTED]","jwt":"[REDACTED]"}`,
		`{"p\u0061ss":"a","n":"\"x"}`:                 `{"p\u0061ss":"[REDACTED]","n":"\"x"}`,
		`{"\u0053IG" : 12,"pa\u0073\u017f":"b"}`:      `{"\u0053IG":"[REDACTED]","pa\u0073\u017f":"[REDACTED]"}`,
		"{\"pa\u017f\u017f\":\"a\",\"n\u212aey\":\"b": "{\"pa\u017f\u017f\":\"[REDACTED]\",\"n\u212aey\":\"[REDACTED]\"",
		`{"pass":{"x":"y"},"n":1}`:                    `{"pass":"[REDACTED]"`,
		`{"p\u0061ss":["y"],"n":1}`:                   `{"p\u0061ss":"[REDACTED]"`,
		`{"n":"pass","m":"p\u0061ss"}`:                `{"n":"pass","m":"p\u0061ss"}`,
		`{"p\qss":"y","n":"p\u0061ss\":1"}`:           `{"p\qss":"[REDACTED]","n":"p\u0061ss\":1"}`,
		`{"passage":"stays"}`:                         `{"passage":"stays"}`,
	} {
		if got := string(Redact([]byte(in))); got != want {
			t.Errorf("Redact(%s) = %s, want %s", in, got, want)
		}
	}
}
