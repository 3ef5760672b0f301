package conformance

// nats.go against every broker: the sample of users with permissions.

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// sampleKey is the key that stands in docs/secure.conf; nobody has its seed.
const sampleKey = "UBAAQWTW6CG2G6ANGNKB5U2B7HRWHSGMZEZX3AQSAJOQDAUGJD46LD2E"

// docs/secure.conf starts as it is, and with a key of ours in place of the one in it everybody there may do what its comments
// say, and nothing else.
func TestSampleOfPermissions(t *testing.T) {
	t.Setenv("SENSOR_PASSWORD", "one")
	t.Setenv("WORKER_PASSWORD", "two")
	file, err := os.ReadFile("../docs/secure.conf")
	if err != nil {
		t.Fatal(err)
	}
	key, public := userKey(t)
	onEach(t, configOf(string(file)), func(t *testing.T, s server) {
		flush(t, connect(t, s, nats.UserInfo("sensor", "one")))
		refused(t, s, "the password of another", nats.UserInfo("sensor", "two"))
		refused(t, s, "no proof")
	})
	onEach(t, configOf(strings.Replace(string(file), sampleKey, public, 1)), func(t *testing.T, s server) {
		denied := make(chan error, 16)
		asked := nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err })
		sensor, worker := connect(t, s, nats.UserInfo("sensor", "one"), asked), connect(t, s, nats.UserInfo("worker", "two"), asked)
		keeper := connect(t, s, nats.Nkey(public, key.Sign), asked)
		mustBeDenied := func(what string) {
			t.Helper()
			select {
			case err := <-denied:
				if !errors.Is(err, nats.ErrPermissionViolation) {
					t.Errorf("%s: %v", what, err)
				}
			case <-time.After(wait):
				t.Errorf("%s, and nobody minds", what)
			}
		}
		data, jobs := subscribe(t, keeper, "sensors.>", ""), subscribe(t, worker, "jobs", "workers")
		publish(t, sensor, "sensors.1.data", []byte("20.5"))
		if m := next(t, data); m.Subject != "sensors.1.data" {
			t.Errorf("the keeper got %s", m.Subject)
		}
		publish(t, sensor, "sensors.1.secret", nil)
		mustBeDenied("the sensor publishes something else")
		subscribe(t, sensor, "other", "")
		mustBeDenied("the sensor listens elsewhere")
		subscribe(t, worker, "jobs", "")
		mustBeDenied("the worker listens outside of its queue group")
		subscribe(t, keeper, "admin.x", "")
		mustBeDenied("the keeper listens to what is denied")
		answer := subscribe(t, keeper, "answers", "")
		if err := keeper.PublishRequest("jobs", "answers", []byte("do")); err != nil {
			t.Fatal(err)
		}
		job := next(t, jobs)
		publish(t, worker, job.Reply, []byte("done"))
		if m := next(t, answer); string(m.Data) != "done" {
			t.Errorf("the worker's answer is %q", m.Data)
		}
		publish(t, worker, job.Reply, []byte("again"))
		mustBeDenied("the worker answers twice")
		nothing(t, answer)
	})
}
