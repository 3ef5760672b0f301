package transcript

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gnatsd-ev/internal/config"
)

// ConfigOption is the option whose value is a configuration file, as one line of JSON: nats-server reads it
// as it is. Only what says who may come in and what they may do is known here.
const ConfigOption = "config"

type (
	configFile struct {
		Authorization struct {
			User     string      `json:"user"`
			Password string      `json:"password"`
			Token    string      `json:"token"`
			Timeout  float64     `json:"timeout"`
			Users    []userEntry `json:"users"`
		} `json:"authorization"`
		NoAuthUser string `json:"no_auth_user"`
	}
	userEntry struct {
		User            string       `json:"user"`
		Password        string       `json:"password"`
		NKey            string       `json:"nkey"`
		ConnectionTypes []string     `json:"allowed_connection_types"`
		Permissions     *permissions `json:"permissions"`
	}
	permissions struct {
		Publish   subjects `json:"publish"`
		Subscribe subjects `json:"subscribe"`
		Responses *struct {
			Max     int    `json:"max"`
			Expires string `json:"expires"`
		} `json:"allow_responses"`
	}
	subjects struct {
		Allow []string `json:"allow"`
		Deny  []string `json:"deny"`
	}
)

// Authorization reads the value of ConfigOption.
func Authorization(text string) (a config.Authorization, err error) {
	var f configFile
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return a, fmt.Errorf("config: %w", err)
	}
	a = config.Authorization{
		Required: true, User: f.Authorization.User, Password: f.Authorization.Password, Token: f.Authorization.Token,
		Timeout: time.Duration(f.Authorization.Timeout * float64(time.Second)), NoAuthUser: f.NoAuthUser,
	}
	for _, e := range f.Authorization.Users {
		u := config.User{Name: e.User, Password: e.Password, NKey: e.NKey, ConnectionTypes: e.ConnectionTypes}
		if p := e.Permissions; p != nil {
			u.Permissions = &config.Permissions{Publish: config.Subjects(p.Publish), Subscribe: config.Subjects(p.Subscribe)}
			if r := p.Responses; r != nil {
				var expires time.Duration
				if r.Expires != "" {
					if expires, err = time.ParseDuration(r.Expires); err != nil {
						return a, fmt.Errorf("config: expires: %w", err)
					}
				}
				u.Permissions.Responses = &config.Responses{Max: r.Max, Expires: expires}
			}
		}
		a.Users = append(a.Users, u)
	}
	return a, nil
}
