module github.com/clairberlin/clair-stack/services/managair

go 1.26

require (
	github.com/clairberlin/clair-stack/proto v0.0.0
	github.com/clairberlin/clair-stack/pkg v0.0.0
)

replace (
	github.com/clairberlin/clair-stack/proto => ../../proto
	github.com/clairberlin/clair-stack/pkg => ../../pkg
)
