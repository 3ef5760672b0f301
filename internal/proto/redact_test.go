package proto

import "testing"

func TestRedactHidesSecretsOnly(t *testing.T) {
	for in, want := range map[string]string{
		`{"user":"bob","pass":"s3cr\"et","name":"x"}`: `{"user":"bob","pass":"[REDACTED]","name":"x"}`,
		`{"auth_token" : "t","verbose":false}`:        `{"auth_token":"[REDACTED]","verbose":false}`,
		`{"PASS":"cut`:                                `{"PASS":"[REDACTED]"`,
		`{"pass":12345}`:                              `{"pass":"[REDACTED]"}`,
		`{"sig":"a","nkey":"b","jwt":"c"}`:            `{"sig":"[REDACTED]","nkey":"[REDACTED]","jwt":"[REDACTED]"}`,
		`{"passage":"stays"}`:                         `{"passage":"stays"}`,
	} {
		if got := string(Redact([]byte(in))); got != want {
			t.Errorf("Redact(%s) = %s, want %s", in, got, want)
		}
	}
}
