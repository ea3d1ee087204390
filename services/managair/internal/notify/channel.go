package notify

import "github.com/clairberlin/clair-stack/pkg/rule"

// Kind is what a channel leads through.
type Kind string

// The kinds of channels.
const (
	Email    Kind = "email"
	Webhook  Kind = "webhook"
	Ntfy     Kind = "ntfy"
	Matrix   Kind = "matrix"
	Telegram Kind = "telegram"
	Slack    Kind = "slack"
	Teams    Kind = "teams"
)

// Name is what the name of a channel must be like.
var Name = rule.Text{Max: 100}

// Bounds of what is kept of channels and of what they were sent, in characters.
const (
	MaxTarget = 500
	MaxAnswer = 2000
	MaxSent   = 65536
)
