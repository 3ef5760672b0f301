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
		"{\"pa\u017f\u017f\":\"a\",\"n\u212aey\":\"b": "{\"pa\u017f\u017f\":\"[REDACTED]\"",
		`{"pass":{"x":"y"},"n":1}`:                    `{"pass":"[REDACTED]","n":1}`,
		`{"p\u0061ss":["y"],"n":1}`:                   `{"p\u0061ss":"[REDACTED]","n":1}`,
		`{"n":"pass","m":"p\u0061ss"}`:                `{"n":"pass","m":"p\u0061ss"}`,
		`{"p\qss":"y","n":"p\u0061ss\":1"}`:           `{"p\qss":"y","n":"p\u"[REDACTED]"`,
		`{"passage":"stays"}`:                         `{"passage":"stays"}`,
		`{"pa\u0073s":"canary","x":1}`:                `{"pa\u0073s":"[REDACTED]","x":1}`,
		`{"pa\u017fs":"canary","name":"pass:x"}`:      `{"pa\u017fs":"[REDACTED]","name":"pass:x"}`,
		`{"ſig":"canary"}`:                            `{"ſig":"[REDACTED]"}`,
		`{"pass":["canary"],"lang":"go"}`:             `{"pass":"[REDACTED]","lang":"go"}`,
		`{"pass" : {"a":"canary"} , "lang":"go"}`:     `{"pass":"[REDACTED]" , "lang":"go"}`,
		`{"x":{"pass":"canary"}}`:                     `{"x":{"pass":"[REDACTED]"}}`,
		`{"name":"\"pass\":1","user":"pass"}`:         `{"name":"\"pass\":1","user":"pass"}`,
		`{"pass":12"canary"}`:                         `{"pass":"[REDACTED]"`,
		`{"lang":"go","pass" : tr"canary"`:            `{"lang":"go","pass" :"[REDACTED]"`,
		`{"pa\u0073s":"canary"`:                       `{"pa\u"[REDACTED]"`,
		`"pass"`:                                      `"pass"`,
	} {
		if got := string(Redact([]byte(in))); got != want {
			t.Errorf("Redact(%s) = %s, want %s", in, got, want)
		}
	}
}
