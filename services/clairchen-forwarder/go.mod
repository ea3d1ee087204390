module github.com/clairberlin/clair-stack/services/clairchen-forwarder

go 1.26

replace (
	github.com/clairberlin/clair-stack/pkg => ../../pkg
	github.com/clairberlin/clair-stack/proto => ../../proto
)
