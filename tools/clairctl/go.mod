module github.com/clairberlin/clair-stack/tools/clairctl

go 1.26

replace (
	github.com/clairberlin/clair-stack/pkg => ../../pkg
	github.com/clairberlin/clair-stack/proto => ../../proto
)
